"""What the database holds, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Role = Literal["annotator", "reviewer", "administrator"]
Kind = Literal["label", "skip", "unsure", "withdrawn"]
ROLES: tuple[Role, ...] = get_args(Role)
KINDS: tuple[Kind, ...] = get_args(Kind)

# The places in which a cell is read; one account at a time holds each.
FIRST, SECOND, SETTLING, THIRD = range(4)

# Ways in which cells are answered that were handed out; with the others the annotator picked them.
HANDED_OUT = frozenset({"single", "grid"})


@dataclass(frozen=True)
class Account:
    """Someone who may sign in.

    Attributes
    ----------
    name : str
    role : {"annotator", "reviewer", "administrator"}
        A reviewer may settle what others disagree on; an administrator may make accounts too.
    active : bool
        An account that has annotated is never deleted, only closed.
    """

    name: str
    role: Role
    active: bool = True


@dataclass(frozen=True)
class NewAnnotation:
    """Someone naming the pattern of a cell, or declining to, before it has a number.

    Attributes
    ----------
    key : str
        Chosen by whoever sends it; the same key is stored once, however often it arrives.
    cell_id : str
    annotator : str
    kind : {"label", "skip", "unsure", "withdrawn"}
        ``withdrawn`` takes the annotator's last one for this cell back.
    pattern : str or None
        Given with ``label``, and may be with ``unsure``.
    way : str
        How it was given: ``single``, ``grid``, ``specimen``, ``review`` or ``import``.
    model : str
        Whose suggestion it was, such as ``round 3``; empty without one.
    suggestion : str or None
        What that model said, shown or not.
    shown : bool
        Whether the annotator saw the suggestion.
    seconds : float
        From seeing the cell to answering.
    keystrokes : int
        Keys and clicks that it took.
    settles : bool
        A reviewer's decision, which outweighs other readings; a skip is none.
    """

    key: str
    cell_id: str
    annotator: str
    kind: Kind
    pattern: str | None = None
    way: str = "single"
    model: str = ""
    suggestion: str | None = None
    shown: bool = False
    seconds: float = 0.0
    keystrokes: int = 0
    settles: bool = False


@dataclass(frozen=True)
class Annotation(NewAnnotation):
    """An annotation as it is kept.

    Attributes
    ----------
    number : int
        Grows with every annotation; there may be gaps.
    at : datetime
        When it was stored, in UTC.
    """

    number: int = 0
    at: datetime = datetime.min

    @property
    def timed(self) -> bool:
        """Whether seconds and keystrokes were measured: Review sends none, and no csv has them."""
        return self.kind != "withdrawn" and self.way not in ("review", "import")
