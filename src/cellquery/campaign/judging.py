"""Labelled cells that networks are judged on, and their judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cellquery.core import Progress, silent
from cellquery.core.places import Place
from cellquery.data.prepare import PreparedCells
from cellquery.data.selection import Selection
from cellquery.metrics import Evaluation
from cellquery.models import Classifier
from cellquery.training import Predictions
from cellquery.training.evaluate import evaluate_cells, judged, write_evaluation
from cellquery.training.predict import averaged


@dataclass(frozen=True)
class Judged:
    """Labelled cells that the networks are judged on; they never influence anything.

    Attributes
    ----------
    name : str
        As in ``evaluation-NAME.json``.
    cells : PreparedCells
    patterns : sequence of str, shape (cells,)
    specimens : sequence of str or None, shape (cells,)
    """

    name: str
    cells: PreparedCells
    patterns: Sequence[str]
    specimens: Sequence[str | None]

    @classmethod
    def of(cls, name: str, cells: PreparedCells, chosen: Selection) -> Self:
        """Return these cells, prepared in the order of their selection."""
        return cls(name, cells, list(chosen.patterns), list(chosen.specimens))

    def judge(
        self, classifier: Classifier, folder: Place, *, views: int = 1, progress: Progress = silent
    ) -> tuple[Evaluation, Predictions]:
        """Return the judgement of a network and what it said; keep both in a folder.

        Parameters
        ----------
        classifier : Classifier
        folder : Path or UPath
            Where ``evaluation-NAME.json`` and ``predictions-NAME.parquet`` are written.
        views : {1, 8}
        progress : Progress
        """
        evaluation, predictions = evaluate_cells(
            classifier,
            self.cells,
            self.patterns,
            specimens=self.specimens,
            views=views,
            accelerator="cpu",
            progress=progress,
        )
        self._keep(folder, evaluation, predictions)
        return evaluation, predictions

    def judge_mean(
        self, each: Sequence[Predictions], folder: Place
    ) -> tuple[Evaluation, Predictions]:
        """Return the judgement of the mean of several predictions; otherwise as `judge`."""
        mean = averaged(each)
        evaluation = judged(mean, self.patterns, self.specimens)
        self._keep(folder, evaluation, mean)
        return evaluation, mean

    def _keep(self, folder: Place, evaluation: Evaluation, predictions: Predictions) -> None:
        write_evaluation(folder, self.name, evaluation, predictions, self.patterns, self.specimens)
