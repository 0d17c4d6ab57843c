"""`cellquery train`: teach the network the labelled cells of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, path_or_url


def train(
    project: Annotated[Place, typer.Argument(parser=path_or_url, help="A cellquery project.")],
    into: Annotated[
        Place | None,
        typer.Option(parser=path_or_url, help="Run directory [default: PROJECT/models/NAME]."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the run inside the project.")] = "model",
    split: Annotated[
        str | None, typer.Option(help="A split of the project; none trains on every label.")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Part of the split to train on, repeatable [default: train]."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Train on all parts but this one, such as fold-0; repeatable."),
    ] = None,
    preset: Annotated[str, typer.Option(help="best, paper or paper-leak.")] = "best",
    settings: Annotated[
        Path | None, typer.Option(help="TOML file of settings laid over the preset.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Set max_epochs.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine: same model.")] = 0,
    initial: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="Start from this model.safetensors; it must name the same patterns.",
        ),
    ] = None,
    rehearse: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="A project whose labelled cells join the training, such as synthetic ones; the "
            "setting rehearsal says how many for each cell [default: 1].",
        ),
    ] = None,
    new_head: Annotated[
        bool,
        typer.Option("--new-head", help="Allow --initial with other patterns: new last layer."),
    ] = False,
    freeze_early: Annotated[
        bool, typer.Option("--freeze-early", help="Fine-tune the late layers only (Figure 6).")
    ] = False,
    test: Annotated[
        str | None, typer.Option(help="Part to stop on, for the preset paper-leak alone.")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs, or processes on the CPU, that share each batch.")
    ] = 1,
) -> None:
    """Train the parallel network on labelled cells; interrupted, it goes on where it was.

    Example: cellquery train cells --split cell --name first --preset best
    """
    from cellquery.core import TrainingError
    from cellquery.data import Project
    from cellquery.data.learnt import digests_of, met_before
    from cellquery.data.prepare import inputs_for, prepare
    from cellquery.data.selection import select
    from cellquery.models import Classifier
    from cellquery.training import TrainSettings, label, read_settings
    from cellquery.training.run import train_run

    chosen = read_settings(settings, preset) if settings else TrainSettings.preset(preset)
    changes = {"max_epochs": epochs, "freeze_early": freeze_early or None}
    values = chosen.model_dump() | {k: v for k, v in changes.items() if v is not None}
    if rehearse and not chosen.rehearsal:
        values["rehearsal"] = 1.0
    chosen = TrainSettings.read(values, "options")
    cells = Project.open(project)
    chosen = chosen.model_copy(update={"inputs": inputs_for(cells, chosen.inputs)})
    parts = part or ([] if leave_out or split is None else ["train"])
    selection = select(cells, split, parts, leave_out=leave_out or [])
    start = Classifier.load(initial) if initial else None
    if start and start.patterns != cells.patterns and not new_head:
        raise TrainingError(
            initial or "initial model",
            f"names {', '.join(start.patterns)}, the project {', '.join(cells.patterns)}",
            "pass --new-head to replace its last layer",
        )
    run = into or cells.path / "models" / name
    with progress_bar() as progress:
        prepared = prepare(cells.store(), selection.ids, chosen.inputs, progress=progress)
        leaked = None
        if chosen.validation == "test" and test and split:
            seen = select(cells, split, [test])
            judged = prepare(cells.store(), seen.ids, chosen.inputs, progress=progress)
            leaked = label(judged, list(seen.patterns), cells.patterns)
        rehearsed = None
        if rehearse:
            others = Project.open(rehearse)
            known = select(others, None, ())
            shown = prepare(others.store(), known.ids, chosen.inputs, progress=progress)
            rehearsed = label(shown, list(known.patterns), cells.patterns)
        classifier = train_run(
            run,
            prepared,
            list(selection.patterns),
            cells.patterns,
            chosen,
            seed=seed,
            initial=start,
            leaked=leaked,
            rehearsed=rehearsed,
            met=met_before(cells, initial, rehearse),
            digests=digests_of(cells),
            about={
                "project": cells.name,
                "split": split,
                "parts": list(parts),
                "left_out": list(leave_out or []),
                "rehearsed": rehearse.name if rehearse else None,
                "initial": f"{initial.parent.name}/{initial.name}" if initial else None,
                "preset": preset,
            },
            accelerator=accelerator,
            devices=devices,
            progress=progress,
        )
    facts = classifier.provenance
    say(
        f"{run / 'model.safetensors'}: {facts['n_train']} training and {facts['n_validation']} "
        f"validation cells, {facts['n_epochs']} epochs, {facts['seconds']:.0f} s."
    )
    if chosen.validation == "test":
        say("Stopped on the test cells, as the paper did: its test figures are not honest.")
    say(RESEARCH_USE_ONLY)
