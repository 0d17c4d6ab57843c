"""Turns out, annotations in."""

from __future__ import annotations

from fastapi import APIRouter, Request

from cellquery.annotation import Desk
from cellquery.core import PATTERNS, RESEARCH_USE_ONLY, title_of
from cellquery.storage import NewAnnotation
from cellquery.web.messages import (
    Cells,
    NewReadings,
    PatternKey,
    Setup,
    Stored,
    TurnMessage,
    Turns,
    TurnsWanted,
    Undone,
    UndoWanted,
)
from cellquery.web.security import ANSWERS, Signed

router = APIRouter(tags=["annotation"], responses=ANSWERS)

# Numbers first, then letters that no command of the page has.
_KEYS = "1234567890abcdefghijklmnopqrstvwxy"
_TAKEN = set("usgzmhicnbr")


@router.get("/setup")
def setup(request: Request, account: Signed) -> Setup:
    """Return the class list with its keys, and the wording every page carries."""
    desk = desk_of(request)
    codes = {pattern.name: pattern.icap for pattern in PATTERNS}
    keys = iter(key for key in _KEYS if key not in _TAKEN)
    patterns = []
    for name in desk.plan.patterns:
        icap = codes.get(name, "")
        patterns.append(PatternKey(name=name, title=title_of(name), icap=icap, key=next(keys, "")))
    return Setup(
        notice=RESEARCH_USE_ONLY,
        project=desk.project.name,
        identity=request.app.state.identity,
        synthetic=desk.project.is_synthetic,
        patterns=patterns,
        n_pool=len(desk.pool),
        overlap=desk.plan.overlap,
    )


@router.post("/turns")
def turns(wanted: TurnsWanted, request: Request, account: Signed) -> Turns:
    """Hand out cells to read; nobody else is given them meanwhile."""
    desk = desk_of(request)
    given = desk.next(account, wanted.n)
    ranking = desk.ranking
    messages = [TurnMessage.of(each) for each in given]
    return Turns(turns=messages, version=ranking.version, done=ranking.done)


@router.post("/turns/back", status_code=204)
def give_back(wanted: Cells, request: Request, account: Signed) -> None:
    """Give cells back that one will not read."""
    desk_of(request).leases.give_back(account.name, wanted.cells)


@router.post("/annotations")
def annotate(wanted: NewReadings, request: Request, account: Signed) -> Stored:
    """Store annotations; when the answer comes, they are on the disk."""
    given = [NewAnnotation(annotator=account.name, **each.model_dump()) for each in wanted.readings]
    return Stored(numbers=desk_of(request).accept(account, given))


@router.post("/undo")
def undo(wanted: UndoWanted, request: Request, account: Signed) -> Undone:
    """Take one's last annotation back."""
    turn = desk_of(request).undo(account, wanted.key)
    return Undone(turn=TurnMessage.of(turn) if turn else None)


def desk_of(request: Request) -> Desk:
    """Return the app's desk."""
    desk: Desk = request.app.state.desk
    return desk
