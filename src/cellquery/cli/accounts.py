"""`cellquery accounts`: who may sign in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say
from cellquery.core.places import local_path

if TYPE_CHECKING:
    from cellquery.storage import Accounts

accounts = typer.Typer(
    help="Make, list and close the accounts that may annotate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Project = Annotated[Path, typer.Argument(parser=local_path, help="The project.")]
_Name = Annotated[str, typer.Argument(help="The account's name.")]


@accounts.command("add")
def add(
    project: _Project,
    name: _Name,
    role: Annotated[str, typer.Option(help="annotator, reviewer or administrator.")] = "annotator",
    password: Annotated[bool, typer.Option(help="Ask for a password.")] = True,
    database: DatabaseUrl = None,
) -> None:
    """Make an account; asks for its password twice.

    Example: cellquery accounts add cells ana --role reviewer
    """
    secret = (
        typer.prompt("password", hide_input=True, confirmation_prompt=True) if password else None
    )
    _accounts(project, database).add(name, role, secret)  # type: ignore[arg-type]
    say(f"{name} may sign in as {role}")


@accounts.command("list")
def list_accounts(project: _Project, database: DatabaseUrl = None) -> None:
    """Print every account with its role, and whether it was closed.

    Example: cellquery accounts list cells
    """
    for each in _accounts(project, database).all():
        say(f"{each.name}  {each.role}" + ("" if each.active else "  closed"))


@accounts.command("link")
def link(project: _Project, name: _Name, database: DatabaseUrl = None) -> None:
    """Print a one-time sign-in link of an account, to put behind the page's address.

    Example: cellquery accounts link cells ana
    """
    from cellquery.core import InputError

    found = _accounts(project, database)
    if found.find(name) is None:
        raise InputError(name, "no such account", "see cellquery accounts list")
    say(f"/#sign-in={found.issue(name, 'link')}")


@accounts.command("password")
def password(project: _Project, name: _Name, database: DatabaseUrl = None) -> None:
    """Give an account another password; its sessions end.

    Example: cellquery accounts password cells ana
    """
    secret = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    _accounts(project, database).change(name, password=secret)
    say(f"{name} has a new password")


@accounts.command("close")
def close(project: _Project, name: _Name, database: DatabaseUrl = None) -> None:
    """Close an account; what it annotated stays.

    Example: cellquery accounts close cells ana
    """
    _accounts(project, database).change(name, active=False)
    say(f"{name} can no longer sign in")


def _accounts(project: Path, database: str | None) -> Accounts:
    from cellquery.annotation import open_database
    from cellquery.data import Project
    from cellquery.storage import Accounts

    return Accounts(open_database(Project.open(project), database))
