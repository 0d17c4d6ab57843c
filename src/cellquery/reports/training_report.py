"""The report of one or more trainings as one self-contained page, and its figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cellquery.core import title_of
from cellquery.core.places import Place
from cellquery.data import Project
from cellquery.reports.chosen_cells import (
    gallery_cells,
    least_certain_rows,
    right_rows,
    specimen_results,
    wrong_rows,
)
from cellquery.reports.figures import (
    SpecimenResult,
    SplitResult,
    confusion_matrix,
    learning_curves,
    recall_by_pattern,
    reliability_diagram,
    specimen_bars,
    split_comparison,
)
from cellquery.reports.galleries import SCALING_WORDS, GalleryItem, gallery_items
from cellquery.reports.page import Picture, Table, Tile, render_page
from cellquery.reports.pictures import CellPictures, FolderPictures, ProjectPictures
from cellquery.reports.runs import EvaluationRecord, PredictedCells, TrainingRun, read_run
from cellquery.reports.standing import Standing, standing

MOST_SPECIMENS = 40
_ORDER = ("unseen", "known", "unknown", "trained-on")


@dataclass(frozen=True)
class ReportedRun:
    """A run directory and where its cells are.

    Attributes
    ----------
    run : TrainingRun
    project : Project or None
        The project of the training and of its evaluations.
    title : str
        What the report calls the training; by default its directory's name.
    images : Path or None
        The folder that predictions without labels were made of, when it was not the project.
    """

    run: TrainingRun
    project: Project | None = None
    title: str = ""
    images: Path | None = None

    @property
    def heading(self) -> str:
        """What the report calls the training."""
        return self.title or f"Training {self.run.name}"

    @cached_property
    def evaluations(self) -> list[JudgedEvaluation]:
        """The run's evaluations, those on unseen specimens first."""
        found = [
            JudgedEvaluation(self, record, standing(self.run, record, self.project))
            for record in self.run.evaluations
        ]
        return sorted(found, key=lambda one: _ORDER.index(one.standing.kind))

    @cached_property
    def pictures(self) -> CellPictures | None:
        """The pictures of the project's cells."""
        return None if self.project is None else ProjectPictures(self.project)

    def has_cells_of(self, record: EvaluationRecord) -> bool:
        """Return whether the project, if any, is the one that an evaluation names, if it does."""
        if self.project is None or record.project is None:
            return True
        return record.project == self.project.name

    def pictures_of(self, cells: PredictedCells) -> CellPictures | None:
        """Return the pictures of cells predicted without labels.

        Another folder may use the project's ids for other cells, so the project counts only when
        it has all of them.
        """
        if self.images is not None:
            return FolderPictures(self.images)
        known = self.pictures
        return known if known and all(cell_id in known for cell_id in cells.ids) else None


@dataclass(frozen=True)
class JudgedEvaluation:
    """An evaluation and how its cells stand to those of the training."""

    of: ReportedRun
    record: EvaluationRecord
    standing: Standing

    @property
    def heading(self) -> str:
        """What the report calls the evaluation."""
        return f"{self.standing.title}: evaluation “{self.record.name}”"


def training_report(
    runs: Sequence[ReportedRun],
    *,
    title: str = "Training report",
    lead: str = "",
    provenance: Mapping[str, object] | None = None,
) -> str:
    """Return a report of trainings as one HTML page.

    What was measured on unseen specimens comes first everywhere, since it is what a new serum
    will meet; figures on specimens known from the training follow.

    Parameters
    ----------
    runs : sequence of ReportedRun
        One or more trainings, in the order in which they are told.
    title, lead : str
        The page's title and the sentences below it.
    provenance : mapping, optional
        More facts for the table at the end.

    Raises
    ------
    InputError
        Naming the file of a run directory that is missing or damaged.
    """
    judged = [one for run in runs for one in run.evaluations]
    judged.sort(key=lambda one: _ORDER.index(one.standing.kind))
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return render_page(
        "training_report.html.j2",
        title=title,
        lead=lead,
        provenance={
            "page made": made,
            "runs": ", ".join(run.run.name for run in runs),
            **(provenance or {}),
        },
        synthetic=any(run.project is not None and run.project.is_synthetic for run in runs),
        leaks=[run.heading for run in runs if run.run.settings.get("validation") == "test"],
        tiles=_tiles(judged),
        overview=_overview(judged),
        comparison=_comparison(judged),
        runs=[_run_section(place, run) for place, run in enumerate(runs, 1)],
        scaling=SCALING_WORDS["cell"],
    )


def write_plots(run: str | Place, name: str, kind: Literal["png", "svg"] = "png") -> list[Place]:
    """Write the figures of one evaluation into its run directory and return their paths.

    They are ``curves``, ``confusion-NAME``, ``reliability-NAME`` and ``recall-NAME`` (Figures 10a
    and 10b of the paper among them).

    Parameters
    ----------
    run : str, Path or UPath
        The run directory.
    name : str
        The evaluation's name.
    kind : {"png", "svg"}
        The files' format.

    Raises
    ------
    InputError
        Naming the file that is missing or damaged.
    """
    trained = read_run(run)
    record = trained.evaluation(name)
    plates = {
        "curves": learning_curves(trained.epochs, trained.name),
        f"confusion-{name}": confusion_matrix(record.values["confusion"], record.patterns, name),
        f"reliability-{name}": _reliability(record, name),
        f"recall-{name}": _recall(record, name),
    }
    return [plate.save(trained.path / f"{file}.{kind}") for file, plate in plates.items()]


def _tiles(judged: Sequence[JudgedEvaluation]) -> list[Tile]:
    return [
        tile
        for kind in ("unseen", "known", "unknown")
        if (found := [one for one in judged if one.standing.kind == kind])
        # The training told last is the one that the others lead to.
        for tile in _tiles_of(found[-1])
    ]


def _tiles_of(one: JudgedEvaluation) -> list[Tile]:
    record, first = one.record, one.standing.kind == "unseen"
    title = one.standing.title
    if one.standing.kind == "unknown":
        title += f" (“{record.name}”)"
    tiles = [
        Tile(
            f"{title}: {label} ({figure.upper()})",
            f"{_percent(record.values[figure])} %",
            _interval_words(record, figure),
            first,
        )
        for figure, label in (("mca", "mean class accuracy"), ("aca", "accuracy"))
    ]
    vote = record.values.get("specimen_vote")
    if vote and first:
        share = f"{vote['n_right']} of {vote['n_specimens']}"
        tiles.append(Tile("Unseen specimens named rightly", share, "by their cells' mean", first))
    return tiles


def _overview(judged: Sequence[JudgedEvaluation]) -> Table | None:
    if not judged:
        return None
    rows = []
    for one in judged:
        values = one.record.values
        vote = values.get("specimen_vote")
        rows.append(
            (
                one.standing.title,
                one.of.heading,
                one.record.name,
                f"{values['n_cells']:,}",
                *(_with_interval(one.record, figure) for figure in ("mca", "aca", "ece")),
                f"{vote['n_right']} of {vote['n_specimens']}" if vote else "–",
            )
        )
    head = ("Judged on", "Training", "Evaluation", "Cells", "MCA %", "ACA %", "ECE %", "Specimens")
    return Table(head, rows, "All evaluations, with 95 % intervals", text=(1, 2))


def _comparison(judged: Sequence[JudgedEvaluation]) -> Picture | None:
    """Compare what is comparable: evaluations with the class list of the training told last."""
    if not judged:
        return None
    patterns = judged[-1].record.patterns
    alike = [one for one in judged if one.record.patterns == patterns]
    if len(alike) < 2:
        return None
    results = []
    for one in alike:
        record = one.record
        recalls = {p: share for p, share in record.values["recall"].items() if share is not None}
        totals = {
            figure: bounds for figure in ("aca", "mca") if (bounds := record.interval(figure))
        }
        results.append(
            SplitResult(
                f"{one.standing.title} ({one.of.heading}, “{record.name}”)",
                one.standing.kind == "unseen",
                {"aca": record.values["aca"], "mca": record.values["mca"], **recalls},
                {**totals, **record.recall_intervals},
            )
        )
    plate = split_comparison(results, patterns)
    return plate.picture("Diamonds: specimens that the training never saw. Bars: 95 % intervals.")


def _run_section(place: int, reported: ReportedRun) -> dict[str, Any]:
    run = reported.run
    about = run.about
    facts = {
        "training cells": f"{about.get('n_train', 0):,}",
        "validation cells": f"{about.get('n_validation', 0):,}",
        "patterns": ", ".join(title_of(one) for one in about.get("patterns", ())),
        "started from": about.get("initial"),
        "project": about.get("project"),
        "split": about.get("split"),
        "parts": ", ".join(about.get("parts") or ()),
        "left out": ", ".join(about.get("left_out") or ()),
        "epochs": len(run.epochs),
        "seconds": about.get("seconds"),
        "seed": about.get("seed", run.settings.get("seed")),
    }
    return {
        "anchor": f"run-{place}",
        "heading": reported.heading,
        "facts": {name: value for name, value in facts.items() if value not in (None, "")},
        "curves": learning_curves(run.epochs).picture(
            "Training figures are averages over each epoch, on augmented cells."
        ),
        "evaluations": [
            _evaluation_section(f"run-{place}-{number}", one)
            for number, one in enumerate(reported.evaluations, 1)
        ],
        "unjudged": [
            _unjudged_section(cells, reported.pictures_of(cells)) for cells in run.unjudged
        ],
        "settings": flat(run.settings),
        "about": flat(about),
    }


def _evaluation_section(anchor: str, one: JudgedEvaluation) -> dict[str, Any]:
    record, values = one.record, one.record.values
    elsewhere = None if one.of.has_cells_of(record) else record.project
    pictures = None if elsewhere else one.of.pictures
    results = [result for result in specimen_results(record.cells) if result.pattern is not None]
    right, wrong = right_rows(record.cells), wrong_rows(record.cells)
    n_wrong = sum(map(sum, values["confusion"])) - sum(
        row[place] for place, row in enumerate(values["confusion"])
    )
    return {
        "anchor": anchor,
        "heading": one.heading,
        "standing": one.standing,
        "confusion": confusion_matrix(values["confusion"], record.patterns).picture(
            "Per cent of each true pattern, with cells in brackets."
        ),
        "reliability": _reliability(record).picture(
            "Below the broken line the model promises more than it keeps."
        ),
        "recall": _recall(record).picture(_unit_words(record)),
        "recall_table": _recall_table(record),
        "specimens": _specimens(results),
        "right": _gallery(record.cells, right, pictures),
        "wrong": _gallery(record.cells, wrong, pictures),
        "n_wrong": n_wrong,
        "has_pictures": pictures is not None,
        "elsewhere": elsewhere,
    }


def _unjudged_section(cells: PredictedCells, pictures: CellPictures | None) -> dict[str, Any]:
    rows = []
    for pattern in cells.patterns:
        named = cells.predicted == pattern
        mean = f"{cells.probability[named].mean():.2f}" if named.any() else "–"
        share = _percent(float(named.mean()) if len(cells) else 0.0)
        rows.append((title_of(pattern), f"{named.sum():,}", share, mean))
    return {
        "name": cells.name,
        "n_cells": len(cells),
        "table": Table(
            ("Predicted pattern", "Cells", "%", "Mean probability"), rows, "Cells by prediction"
        ),
        "specimens": _specimens(specimen_results(cells)),
        "unsure": _gallery(cells, least_certain_rows(cells), pictures),
    }


def _specimens(results: Sequence[SpecimenResult]) -> Picture | None:
    """Draw the specimens, and when they are many, those that a reader should look at."""
    if not results:
        return None
    patterns = tuple(results[0].counts)
    doubtful = sorted(results, key=lambda one: (one.pattern in (None, one.vote), one.share))
    shown = doubtful[:MOST_SPECIMENS]
    left_out = len(results) - len(shown)
    caption = "One bar a specimen; on the right what the mean probability of its cells names."
    if left_out:
        caption += f" Left out: the {left_out:,} specimens whose cells agree most."
    return specimen_bars(shown, patterns).picture(caption)


def _gallery(cells: PredictedCells, rows: Any, pictures: CellPictures | None) -> list[GalleryItem]:
    return [] if pictures is None else gallery_items(gallery_cells(cells, rows, pictures))


def _reliability(record: EvaluationRecord, title: str = "") -> Any:
    values = record.values
    return reliability_diagram(values["reliability"], values["ece"], record.interval("ece"), title)


def _recall(record: EvaluationRecord, title: str = "") -> Any:
    recall, intervals = record.values["recall"], record.recall_intervals
    return recall_by_pattern(record.patterns, recall, intervals, record.n_cells_of, title)


def _recall_table(record: EvaluationRecord) -> Table:
    rows = []
    for pattern in record.patterns:
        share, bounds = record.values["recall"].get(pattern), record.recall_intervals.get(pattern)
        rows.append(
            (
                title_of(pattern),
                f"{record.n_cells_of[pattern]:,}",
                f"{record.n_specimens_of[pattern]:,}",
                "–" if share is None else _percent(share),
                f"{_percent(bounds[0])} to {_percent(bounds[1])}" if bounds else "not known",
            )
        )
    head = ("Pattern", "Cells", "Specimens", "Recall %", "95 % interval")
    return Table(head, rows, "Recall of each pattern")


def _unit_words(record: EvaluationRecord) -> str:
    unit = record.values["interval_unit"]
    if unit == "specimen":
        return (
            "Bands: 95 % intervals, from resampling specimens; none for a pattern of one "
            "specimen, nor for the MCA beside it."
        )
    return (
        "Bands: 95 % intervals, from resampling cells. Cells of one specimen are alike, so the "
        "true uncertainty is larger."
    )


def _interval_words(record: EvaluationRecord, figure: str) -> str:
    bounds = record.interval(figure)
    cells = f"{record.values['n_cells']:,} cells"
    if bounds is None:
        return cells
    return f"95 % interval {_percent(bounds[0])} to {_percent(bounds[1])}; {cells}"


def _with_interval(record: EvaluationRecord, figure: str) -> str:
    bounds, value = record.interval(figure), _percent(record.values[figure])
    return f"{value} ({_percent(bounds[0])} to {_percent(bounds[1])})" if bounds else value


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as lines of a table: "augmentation.flips" is "True"."""
    lines: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            lines[prefix + name] = ", ".join(map(str, value)) or "none"
        else:
            lines[prefix + name] = "none" if value is None else str(value)
    return lines
