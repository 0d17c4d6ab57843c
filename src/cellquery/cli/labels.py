"""`cellquery labels`: labels in and out of a project's annotation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say
from cellquery.core.places import local_path

labels = typer.Typer(
    help="Take labels in, and write them out.", no_args_is_help=True, rich_markup_mode=None
)


@labels.command("export")
def export(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project that is annotated.")
    ],
    out: Annotated[
        Path,
        typer.Option(help="The file, .csv, .parquet or .json, or the folder for --form folders."),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            help="csv, parquet, label-studio (.json), or folders of images.",
            show_default="by the suffix",
        ),
    ] = None,
    database: DatabaseUrl = None,
) -> None:
    """Write all labels, also while others annotate.

    Example: cellquery labels export cells --out labels.csv
    """
    from cellquery.annotation import Desk
    from cellquery.annotation.exchange import export_labels
    from cellquery.core.words import counted
    from cellquery.data import Project

    desk = Desk.open(Project.open(project), database)
    n_cells = export_labels(desk, form, out)  # type: ignore[arg-type]
    say(f"{counted(n_cells, 'cell')} in {out}")


@labels.command("import")
def import_csv(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project that is annotated.")
    ],
    file: Annotated[Path, typer.Argument(help="A csv with the columns cell_id and label.")],
    account: Annotated[str, typer.Option(help="Whose readings they are.")],
    database: DatabaseUrl = None,
) -> None:
    """Take the labels of a csv in as someone's readings; a file taken in again changes nothing.

    Says how many labels were new.

    Example: cellquery labels import cells labels.csv --account ana
    """
    from cellquery.annotation import Desk
    from cellquery.annotation.exchange import import_labels
    from cellquery.core import InputError
    from cellquery.core.words import counted
    from cellquery.data import Project
    from cellquery.storage import Accounts

    desk = Desk.open(Project.open(project), database)
    who = Accounts(desk.database).find(account)
    if who is None:
        raise InputError(account, "no such account", "see cellquery accounts list")
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(file, f"cannot be read ({error})", "give a csv in UTF-8") from error
    n_labels = import_labels(desk, who, text, file)
    say(f"{counted(n_labels, 'label')} of {account} taken in")
