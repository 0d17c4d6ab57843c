"""Cells worth a second look, and galleries of any query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow.parquet as pq

from cellquery.annotation.desk import Desk, Turn
from cellquery.campaign.records import round_folder
from cellquery.core import InputError
from cellquery.storage import Account, Annotation

Worth = Literal["mine", "disputed", "declined", "surprising"]
WORTHS: tuple[Worth, ...] = get_args(Worth)


@dataclass(frozen=True)
class Reviewed:
    """A cell with all that was said of it.

    Attributes
    ----------
    turn : Turn
    label : str or None
    standing : str
    readings : list of Annotation
        The current reading of everyone who read it.
    reason : str
        Why it is worth a look.
    """

    turn: Turn
    label: str | None
    standing: str
    readings: list[Annotation]
    reason: str = ""


def reviewed(desk: Desk, account: Account, cell_id: str, reason: str = "") -> Reviewed:
    """Return a cell with all that was said of it."""
    return Reviewed(
        desk.turn(cell_id, account, place=2),
        desk.readings.label(cell_id),
        desk.readings.standing(cell_id),
        desk.readings.of_cell(cell_id),
        reason,
    )


def worth_a_look(desk: Desk, account: Account, worth: Worth, n: int = 100) -> list[Reviewed]:
    """Return cells worth a second look.

    Parameters
    ----------
    desk : Desk
    account : Account
    worth : {"mine", "disputed", "declined", "surprising"}
        One's own last readings, newest first; cells that two people named differently; cells that
        nobody could name; labels unlike what the network said before it learnt them, the surest
        network first. That is out of sample: the suggestion is older than the label.
    n : int
    """
    desk.refresh()
    readings = desk.readings
    if worth == "mine":
        mine = readings.last_of(account.name, n)
        return [reviewed(desk, account, each.cell_id) for each in mine]
    if worth in ("disputed", "declined"):
        found = [each for each in readings.read() if readings.standing(each) == worth]
        return [reviewed(desk, account, each) for each in found[:n]]
    if worth != "surprising":
        raise InputError("review", f"there is no '{worth}'", f"choose {', '.join(WORTHS)}")
    sure: list[tuple[float, str, str]] = []
    past = _Past(desk)
    for cell_id, name in readings.labels().items():
        first = readings.of_cell(cell_id)[0]
        if first.suggestion is not None and first.suggestion != name:
            probability = past.probability(first.model, cell_id)
            said = f"{first.model} said {first.suggestion}, at {100 * probability:.0f} %"
            sure.append((probability, cell_id, said))
    sure.sort(reverse=True)
    return [reviewed(desk, account, cell_id, said) for _, cell_id, said in sure[:n]]


def gallery(
    desk: Desk,
    account: Account,
    *,
    pattern: str | None = None,
    predicted: str | None = None,
    specimen: str | None = None,
    annotator: str | None = None,
    order: str = "manifest",
    offset: int = 0,
    n: int = 60,
) -> tuple[int, list[Reviewed]]:
    """Return how many cells a query finds, and a page of them.

    Parameters
    ----------
    desk : Desk
    account : Account
    pattern, predicted, specimen, annotator : str or None
        Label, suggestion, specimen, and who read it; None asks for any.
    order : {"manifest", "certain", "uncertain"}
    offset, n : int
    """
    desk.refresh()
    suggestions, readings = desk.ranking.suggestions, desk.readings
    labels = readings.labels() if pattern is not None else {}
    found = []
    for cell_id, facts in desk.cells.items():
        if specimen is not None and facts.specimen != specimen:
            continue
        if pattern is not None and labels.get(cell_id) != pattern:
            continue
        if predicted is not None:
            suggestion = suggestions.get(cell_id)
            if suggestion is None or suggestion.pattern != predicted:
                continue
        if annotator is not None and readings.by(annotator, cell_id) is None:
            continue
        found.append(cell_id)
    if order in ("certain", "uncertain"):
        found = [each for each in found if each in suggestions]
        found.sort(key=lambda each: suggestions[each].margin, reverse=order == "certain")
    page = found[max(offset, 0) : max(offset, 0) + n]
    return len(found), [reviewed(desk, account, each) for each in page]


class _Past:
    """What past rounds' networks said."""

    def __init__(self, desk: Desk) -> None:
        self.root = desk.ranking.root
        self._rounds: dict[str, dict[str, float]] = {}

    def probability(self, model: str, cell_id: str) -> float:
        if model not in self._rounds:
            self._rounds[model] = {}
            number = model.removeprefix("round ")
            path = round_folder(self.root, int(number if number.isdecimal() else 0)).path
            if (path / "pool.parquet").exists():
                table = pq.read_table(path / "pool.parquet", columns=["cell_id", "probability"])
                pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
                self._rounds[model] = dict(pairs)
        return self._rounds[model].get(cell_id, 0.0)
