"""The `cellquery` command: registers every command and turns errors into one line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer

from cellquery import __version__
from cellquery.cli.accounts import accounts
from cellquery.cli.agreement import agreement
from cellquery.cli.audit import audit
from cellquery.cli.backup import backup, restore
from cellquery.cli.bench import bench
from cellquery.cli.campaign import campaign
from cellquery.cli.console import say, warn
from cellquery.cli.demo import demo
from cellquery.cli.evaluate import evaluate
from cellquery.cli.experiment import experiment
from cellquery.cli.export import export
from cellquery.cli.import_cells import import_cells
from cellquery.cli.labels import labels
from cellquery.cli.model import model
from cellquery.cli.predict import predict
from cellquery.cli.report import report
from cellquery.cli.select import select
from cellquery.cli.serve import serve
from cellquery.cli.show import show
from cellquery.cli.split import split
from cellquery.cli.synthesize import synthesize
from cellquery.cli.train import train
from cellquery.core.errors import CellqueryError
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import network_faults

app = typer.Typer(
    name="cellquery",
    help=(
        "Teach a small wavelet network to name HEp-2 staining patterns from few labels.\n\n"
        "Start with: cellquery synthesize, import, audit, split, train, evaluate, predict.\n"
        "Then: cellquery serve, to annotate the cells that the network asks for, in a browser.\n\n"
        f"{RESEARCH_USE_ONLY}"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        say(f"cellquery {__version__}. {RESEARCH_USE_ONLY}")
        raise typer.Exit


@app.callback()
def cellquery(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    pass


app.command("demo")(demo)
app.command("synthesize")(synthesize)
app.command("import")(import_cells)
app.command("audit")(audit)
app.command("split")(split)
app.command("train")(train)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("select")(select)
app.command("report")(report)
app.command("show")(show)
app.command("model")(model)
app.command("serve")(serve)
app.add_typer(labels, name="labels")
app.add_typer(export, name="export")
app.command("agreement")(agreement)
app.add_typer(accounts, name="accounts")
app.command("backup")(backup)
app.command("restore")(restore)
app.add_typer(campaign, name="campaign")
app.add_typer(experiment, name="experiment")
app.add_typer(bench, name="bench")


class _Stopped(BaseException):
    """Ctrl-C, under a name that Typer does not catch: it would only say "Aborted"."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def main() -> None:
    """Run the command line; a fault the user can mend is one line on standard error, status 1."""
    _say_on_every_help_page(app, RESEARCH_USE_ONLY)
    signal.signal(signal.SIGINT, _stop)
    try:
        app()
    except CellqueryError as error:
        warn(f"error: {error}")
        sys.exit(1)
    except _Stopped:
        warn("stopped: run the same command again to go on from here")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # Without a file it is no fault of the user's, and where it came from is worth seeing.
        if error.filename is None:
            raise
        warn(f"error: {error.filename}: {error.strerror}; mend that and run the same command again")
        sys.exit(1)
    except network_faults() as error:
        warn(f"error: network: {error}; run the same command again: nothing was lost")
        sys.exit(1)


def _say_on_every_help_page(commands: typer.Typer, notice: str) -> None:
    for command in commands.registered_commands:
        command.epilog = notice
    for group in commands.registered_groups:
        group.epilog = notice
        if group.typer_instance is not None:
            _say_on_every_help_page(group.typer_instance, notice)
