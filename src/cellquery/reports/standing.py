"""Whether an evaluation was on specimens that the training never saw, found from the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cellquery.data import Project
from cellquery.data.selection import select
from cellquery.reports.runs import PredictedCells

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


def standing(about: dict[str, Any], judged: PredictedCells, project: Project | None) -> Standing:
    """Return how judged cells stand to the cells that a run was trained on.

    Names of splits are not trusted: cells and specimens are compared.

    Parameters
    ----------
    about : dict
        The run's ``about.json``: ``split``, ``parts`` and ``left_out`` say what was trained on.
    judged : PredictedCells
    project : Project or None
        The project of the training; without it nothing is known.
    """
    if project is None or about.get("project") not in (None, "", project.path.resolve().name):
        return Standing(
            "unknown", "The project of the training was not given, so that nothing is known."
        )
    if "split" not in about:
        return Standing("unknown", "The run does not say which cells it was trained on.")
    trained = select(
        project, about["split"], about.get("parts") or [], leave_out=about.get("left_out") or []
    )
    if len(trained) != about.get("n_train", 0) + about.get("n_validation", 0):
        return Standing(
            "unknown", "The cells or the split of the project have changed since the training."
        )
    shared_cells = len(set(trained.ids) & set(judged.ids))
    if shared_cells:
        return Standing(
            "trained-on",
            f"{shared_cells:,} of these {len(judged):,} cells were in the training: "
            "these figures say nothing about new cells.",
        )
    if None in set(judged.specimens) or None in set(trained.specimens):
        return Standing(
            "unknown",
            "The specimens of these cells are not all known. If the training saw the same "
            "specimens, these figures overstate what to expect of new ones.",
        )
    specimens = set(judged.specimens)
    n_shared = len(specimens & set(trained.specimens))
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
