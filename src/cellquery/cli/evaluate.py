"""`cellquery evaluate`: how good a trained network is on labelled cells."""

from __future__ import annotations

from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, path_or_url
from cellquery.core.words import counted


def evaluate(
    run: Annotated[
        Place, typer.Argument(parser=path_or_url, help="Run directory of cellquery train.")
    ],
    project: Annotated[
        Place, typer.Argument(parser=path_or_url, help="The project with the labelled cells.")
    ],
    together: Annotated[
        list[Place] | None,
        typer.Option(
            "--with",
            parser=path_or_url,
            help="Another run, whose probabilities are averaged with the first's; repeatable.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="A split of the project; none takes every label.")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Part of the split to judge on, repeatable [default: test]."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the evaluation [default: the split's name].")
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            help="Average over 1 or 8 views of a cell [default: as trained, 8 with the preset "
            "best; cellquery predict takes 1]."
        ),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    plots: Annotated[bool, typer.Option(help="Draw curves, confusion matrix, reliability.")] = True,
) -> None:
    """Print ACA, MCA, recall per pattern and calibration, each with a 95 % interval.

    Intervals come from resampling specimens where these are known, since the cells of one serum
    are not independent. JSON, predictions and plots are written into the run directory.

    Example: cellquery evaluate cells/models/first cells --split cell --part test
    """
    from cellquery.core import SettingsError, WeightsError
    from cellquery.data import Project
    from cellquery.data.learnt import trained_cells
    from cellquery.data.prepare import prepare
    from cellquery.data.selection import select
    from cellquery.models import Classifier
    from cellquery.training import label
    from cellquery.training.device import torch_device
    from cellquery.training.evaluate import judged, write_evaluation
    from cellquery.training.predict import averaged, check_same_patterns, predict

    if views not in (None, 1, 8):
        raise SettingsError("--views", f"{views} is not 1 or 8", "choose one of them")
    runs = [run, *(together or [])]
    for each in runs:
        if each.is_file():
            raise WeightsError(each, "is a file", "give the run directory that it is in")
        if not (each / "model.safetensors").exists():
            raise WeightsError(each, "holds no model.safetensors", "finish cellquery train first")
    classifiers = [Classifier.load(each / "model.safetensors") for each in runs]
    check_same_patterns(classifiers)
    cells = Project.open(project)
    parts = part or ([] if split is None else ["test"])
    selection = select(cells, split, parts)
    learnt = [known for each in runs if (known := trained_cells(each))]
    met = (each.among(cells.manifest())["cell_id"].to_pylist() for each in learnt)
    trained = set().union(*met) & set(selection.ids)
    name = name or (split or "all") + ("-together" if together else "")
    said, over = [], []
    with progress_bar() as progress:
        for classifier in classifiers:
            over.append(views or classifier.provenance.get("settings", {}).get("views", 1))
            prepared = prepare(cells.store(), selection.ids, classifier.inputs, progress=progress)
            label(prepared, list(selection.patterns), classifier.patterns)
            device = torch_device(accelerator)
            said.append(
                predict(classifier, prepared, views=over[-1], device=device, progress=progress)
            )
        predictions = averaged(said)
        evaluation = judged(predictions, list(selection.patterns), list(selection.specimens))
    about = (
        {"views": over, "models": [each.name for each in runs]} if together else {"views": over[0]}
    )
    path = write_evaluation(
        run,
        name,
        evaluation,
        predictions,
        list(selection.patterns),
        list(selection.specimens),
        {
            "project": cells.name,
            "split": split,
            "parts": list(parts),
            **about,
            **({"n_in_training": len(trained)} if len(learnt) == len(runs) else {}),
        },
    )

    width = max(22, *(len(f"recall {pattern} ") for pattern in evaluation.patterns))

    def shown(title: str, value: float | None, key: str) -> None:
        if value is None:
            say(f"  {title:<{width}}     -")
            return
        bounds = evaluation.intervals.get(key)
        words = f"[{100 * bounds[0]:.2f}, {100 * bounds[1]:.2f}]" if bounds else "not known"
        say(f"  {title:<{width}}{100 * value:6.2f} %   {words}")

    if trained:
        say(
            f"note: {len(trained):,} of {counted(evaluation.n_cells, 'cell')} were in the "
            "training: this is no measure of unseen cells"
        )
    n_unknown = sum(specimen is None for specimen in selection.specimens)
    specimens = (
        f"{n_unknown:,} without a specimen"
        if n_unknown
        else counted(evaluation.n_specimens, "specimen")
    )
    say(
        f"{counted(evaluation.n_cells, 'cell')}, {specimens}; "
        f"95 % intervals by {evaluation.interval_unit}:"
    )
    shown("ACA", evaluation.aca, "aca")
    shown("MCA", evaluation.mca, "mca")
    for pattern, share in evaluation.recall.items():
        shown(f"recall {pattern}", share, f"recall:{pattern}")
    shown("calibration error", evaluation.ece, "ece")
    if evaluation.specimen_vote:
        vote = evaluation.specimen_vote
        say(f"  specimens by vote     {vote.n_right} of {vote.n_specimens}")
        say(f"  MCA by vote           {100 * vote.mca:.2f} %, each cell named as its specimen")
    say(str(path))
    if plots:
        from cellquery.reports.training_report import write_plots

        for plot in write_plots(run, name):
            say(str(plot))
    say(RESEARCH_USE_ONLY)
