"""Whether an evaluation was on specimens that the training never saw, found from the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cellquery.data import Project
from cellquery.reports.runs import EvaluationRecord, TrainingRun

Kind = Literal["unseen", "known", "unknown", "trained-on"]

TITLES: dict[Kind, str] = {
    "unseen": "Unseen specimens",
    "known": "Known specimens",
    "unknown": "Specimens not compared",
    "trained-on": "Cells of the training",
}


@dataclass(frozen=True)
class Standing:
    """How the cells of an evaluation stand to those of the training.

    Attributes
    ----------
    kind : {"unseen", "known", "unknown", "trained-on"}
        Whether no specimen, some specimen or even some cell of the evaluation was in the
        training.
    words : str
        The same as a sentence, with the numbers.
    """

    kind: Kind
    words: str

    @property
    def title(self) -> str:
        """The standing as a heading."""
        return TITLES[self.kind]


def standing(run: TrainingRun, record: EvaluationRecord, project: Project | None) -> Standing:
    """Return how judged cells stand to the cells that a run was trained on.

    Names of splits are not trusted: cells and specimens are compared.

    Parameters
    ----------
    run : TrainingRun
    record : EvaluationRecord
    project : Project or None
        The project of the training, which knows its specimens.
    """
    trained, judged = run.trained, record.cells
    if trained is None:
        return Standing("unknown", "The run does not say which cells it was trained on.")
    home = run.about.get("project")
    elsewhere = bool(home and record.project) and record.project != home
    shared_cells = record.n_in_training
    if shared_cells is None and not elsewhere:
        shared_cells = len(trained.digest_of.keys() & set(judged.ids))
    if shared_cells:
        return Standing(
            "trained-on",
            f"{shared_cells:,} of these {len(judged):,} cells were in the training: "
            "these figures say nothing about new cells.",
        )
    if elsewhere:
        compared = (
            "These cells were not compared with those of the training: evaluate again."
            if shared_cells is None
            else "None of these cells was in the training."
        )
        return Standing(
            "unknown",
            f"{compared} They are of another project, “{record.project}”, and specimens are known "
            "by their names within one project only.",
        )
    if project is None:
        return Standing("unknown", "The project of the training was not given.")
    manifest = project.manifest()
    if not trained.all_in(manifest):
        return Standing("unknown", "Not all cells of the training are in this project.")
    seen = set(trained.among(manifest)["specimen"].to_pylist())
    if None in seen | set(judged.specimens):
        return Standing(
            "unknown",
            "The specimens of these cells are not all known. If the training saw the same "
            "specimens, these figures overstate what to expect of new ones.",
        )
    specimens = set(judged.specimens)
    n_shared = len(specimens & seen)
    if n_shared:
        return Standing(
            "known",
            f"{n_shared:,} of the {len(specimens):,} specimens gave other cells to the training: "
            "these figures overstate what to expect of new specimens.",
        )
    return Standing(
        "unseen",
        f"None of the {len(specimens):,} specimens gave a cell to the training: "
        "this is what to expect of new specimens.",
    )
