"""Cells worth a second look, and galleries of any query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cellquery.annotation.desk import Desk, Turn
from cellquery.annotation.out_of_sample import out_of_sample
from cellquery.core import InputError, title_of
from cellquery.metrics import likely_label_errors
from cellquery.storage import Account, Annotation

Worth = Literal["mine", "disputed", "declined", "errors"]
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


def worth_a_look(
    desk: Desk, account: Account, worth: Worth, n: int = 100
) -> tuple[list[Reviewed], str]:
    """Return cells worth a second look, and a note on how they were found.

    Parameters
    ----------
    desk : Desk
    account : Account
    worth : {"mine", "disputed", "declined", "errors"}
        One's own last readings, newest first; cells that people named differently; cells that
        nobody could name, or a reviewer decided cannot be; labels that are likely wrong by
        confident learning, the most suspicious first, then all others unlike what a network said,
        the surest first. Networks that have learnt a cell are not asked about it.
    n : int
    """
    desk.refresh()
    readings = desk.readings
    if worth == "mine":
        mine = readings.last_of(account.name, n)
        return [reviewed(desk, account, each.cell_id) for each in mine], ""
    if worth in ("disputed", "declined"):
        found = [each for each in readings.read() if readings.standing(each) == worth]
        return [reviewed(desk, account, each) for each in found[:n]], ""
    if worth != "errors":
        raise InputError("review", f"there is no '{worth}'", f"choose {', '.join(WORTHS)}")
    errors, note = _errors(desk)
    return [reviewed(desk, account, cell_id, why) for cell_id, why in errors[:n]], note


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
    """Return how many cells of the pool a query finds, and a page of them.

    Other cells, which may have a pattern already, are none of what the campaign learns.

    Parameters
    ----------
    desk : Desk
    account : Account
    pattern, predicted, specimen, annotator : str or None
        Label, suggestion, specimen, and who read it; None asks for any.
    order : {"manifest", "certain", "uncertain", "unread"}
        ``unread`` begins with what the account has not read.
    offset, n : int
    """
    desk.refresh()
    suggestions, readings = desk.ranking.suggestions, desk.readings
    labels = readings.labels() if pattern is not None else {}
    found = []
    for cell_id, facts in desk.cells.items():
        if cell_id not in desk.pool:
            continue
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
    if order == "unread":
        found.sort(key=lambda each: readings.by(account.name, each) is not None)
    page = found[max(offset, 0) : max(offset, 0) + n]
    return len(found), [reviewed(desk, account, each) for each in page]


def _errors(desk: Desk) -> tuple[list[tuple[str, str]], str]:
    """Return the cells whose label is likely wrong or surprises, each with why, and a note."""
    said, labels = out_of_sample(desk.ranking.root), desk.readings.labels()
    cells = [each for each in labels if each in said.row]
    left = len(labels) - len(cells)
    note = "Judged by the newest network that had not learnt the cell."
    if left:
        note += f" {left} labels are not judged: there was no such network."
    if not cells:
        return [], note
    patterns = desk.plan.patterns
    rows = np.array([said.row[each] for each in cells], dtype=np.int64)
    given = np.array([patterns.index(labels[each]) for each in cells], dtype=np.int64)
    probabilities = said.probabilities[rows]
    top = probabilities.argmax(axis=1)
    likely = likely_label_errors(given, probabilities).tolist()
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")
    known = set(likely)
    surprising = [each for each in surest if top[each] != given[each] and each not in known]
    found = []
    for word, places in (("likely an error", likely), ("surprising", surprising)):
        for place in places:
            of_top, of_label = probabilities[place, [top[place], given[place]]]
            why = (
                f"{word}: {said.models[rows[place]]} said {title_of(patterns[top[place]])} "
                f"at {100 * of_top:.0f} %, {title_of(patterns[given[place]])} "
                f"at {100 * of_label:.0f} %"
            )
            found.append((cells[place], why))
    return found, note
