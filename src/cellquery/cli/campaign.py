"""`cellquery campaign`: rounds of choosing, labelling and fine-tuning on a project's cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import DatabaseUrl, progress_bar, say
from cellquery.core.places import Place, local_path, path_or_url

campaign = typer.Typer(
    help="Active learning: rounds of choosing, labelling and fine-tuning.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@campaign.command()
def run(
    project: Annotated[
        Place, typer.Argument(parser=path_or_url, help="A project whose cells have labels.")
    ],
    into: Annotated[Path, typer.Option(parser=local_path, help="The campaign's folder.")],
    settings: Annotated[Path | None, typer.Option(help="A TOML file laid over the preset.")] = None,
    preset: Annotated[str, typer.Option(help="best or paper.")] = "best",
    split: Annotated[str | None, typer.Option(help="A split of the project.")] = None,
    pool: Annotated[
        list[str] | None, typer.Option(help="Parts to choose cells from; repeatable.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="Parts to judge the networks on; repeatable.")
    ] = None,
    initial: Annotated[
        Place | None,
        typer.Option(parser=path_or_url, help="The network after initial learning (safetensors)."),
    ] = None,
    rehearse: Annotated[
        list[str] | None,
        typer.Option(help="Parts that the initial network learnt, to rehearse; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
) -> None:
    """Run a simulated campaign: the project's labels answer, cell by cell as they are chosen.

    Stopped at any moment, the same command goes on and ends with the same cells and network.

    Example: cellquery campaign run cells --into runs/first --split roles --pool pool --judge test
    """
    from cellquery.campaign.project_campaign import project_campaign
    from cellquery.campaign.settings import CampaignSettings, read_campaign_settings
    from cellquery.campaign.status import status_text
    from cellquery.data import Project

    chosen = (
        read_campaign_settings(settings, preset)
        if settings
        else CampaignSettings.read({}, f"preset {preset}", preset)
    )
    with progress_bar() as progress:
        made, oracle = project_campaign(
            Project.open(project),
            into,
            chosen,
            split=split,
            pool=pool or (),
            judge=judge or (),
            initial=initial,
            rehearse=rehearse or (),
            seed=seed,
            progress=progress,
        )
        made.advance(oracle)
    say(status_text(into))


@campaign.command()
def people(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project that is served or was.")
    ],
    database: DatabaseUrl = None,
    parent: Annotated[int | None, typer.Option("--with-parent", hidden=True)] = None,
) -> None:
    """Train each round of a served project as its cells are annotated; `serve` starts this itself.

    Run it by hand beside `serve --no-training`, for example on a machine with more cores.

    Example: cellquery campaign people cells
    """
    from cellquery.annotation import kept_plan, open_database
    from cellquery.annotation.trainer import follow
    from cellquery.data import Project

    opened = Project.open(project)
    with progress_bar() as progress:
        follow(
            opened,
            kept_plan(opened),
            open_database(opened, database),
            parent=parent,
            progress=progress,
        )
    say("the campaign has ended")


@campaign.command()
def status(
    folder: Annotated[Path, typer.Argument(parser=local_path, help="A campaign's folder.")],
) -> None:
    """Print what a campaign has come to, round by round.

    Example: cellquery campaign status runs/first
    """
    from cellquery.campaign.status import status_text

    say(status_text(folder))
