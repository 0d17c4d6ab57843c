"""What goes over the wire: requests with limits, and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cellquery.annotation import Turn
from cellquery.annotation.review import Reviewed
from cellquery.storage import Annotation, Role

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Field(max_length=512, pattern=r"^[^\x00]*$")]
Key = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class Message(BaseModel):
    """A message with no more than it should have."""

    model_config = ConfigDict(extra="forbid")


class Credentials(Message):
    """Name and password."""

    name: Name
    password: Annotated[str, Field(max_length=1024)]


class Link(Message):
    """The token of a one-time sign-in link."""

    token: Annotated[str, Field(min_length=8, max_length=128)]


class Me(Message):
    """Who is signed in."""

    name: str
    role: Role


class PatternKey(Message):
    """A pattern of the class list and the key that names it."""

    name: str
    title: str
    icap: str
    key: str


class Setup(Message):
    """What the page needs before the first cell."""

    notice: str
    project: str
    # What tells it from other projects served at the same address, in what the browser keeps.
    identity: str
    synthetic: bool
    patterns: list[PatternKey]
    n_pool: int
    overlap: float


class Said(Message):
    """A network's suggestion."""

    pattern: str
    probability: float
    margin: float


class ReadingMessage(Message):
    """One annotation of the history."""

    number: int
    annotator: str
    kind: str
    pattern: str | None
    way: str
    model: str
    suggestion: str | None
    shown: bool
    seconds: float
    settles: bool
    at: str

    @classmethod
    def of(cls, each: Annotation) -> ReadingMessage:
        """Return the message of an annotation."""
        return cls(
            number=each.number,
            annotator=each.annotator,
            kind=each.kind,
            pattern=each.pattern,
            way=each.way,
            model=each.model,
            suggestion=each.suggestion,
            shown=each.shown,
            seconds=each.seconds,
            settles=each.settles,
            at=each.at.isoformat(timespec="seconds") + "Z",
        )


class TurnMessage(Message):
    """A cell to read."""

    cell_id: str
    specimen: str | None
    intensity: str | None
    width: int
    height: int
    channels: int
    bit_depth: int
    mask: bool
    place: int
    suggestion: Said | None
    group: int | None
    model: str
    mine: ReadingMessage | None

    @classmethod
    def of(cls, turn: Turn) -> TurnMessage:
        """Return the message of a turn."""
        said = turn.suggestion
        return cls(
            **vars(turn.cell),
            place=turn.place,
            suggestion=Said(**vars(said)) if said else None,
            group=turn.group,
            model=turn.model if said else "",
            mine=ReadingMessage.of(turn.mine) if turn.mine else None,
        )


class TurnsWanted(Message):
    """How many cells are wanted."""

    n: Annotated[int, Field(ge=1, le=200)] = 8


class Turns(Message):
    """Cells to read; none where everything is given out or the campaign has ended.

    The version is that of the ranking: what was handed out under another one is ranked anew.
    """

    turns: list[TurnMessage]
    version: int
    done: bool


class NewReading(Message):
    """An annotation as the page sends it."""

    key: Key
    cell_id: Text
    kind: Literal["label", "skip", "unsure"]
    pattern: Annotated[str, Field(max_length=64)] | None = None
    way: Literal["single", "grid", "specimen", "review"] = "single"
    model: Annotated[str, Field(max_length=128, pattern=r"^(round [0-9]{1,6})?$")] = ""
    suggestion: Annotated[str, Field(max_length=64)] | None = None
    shown: bool = False
    seconds: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] = 0.0
    keystrokes: Annotated[int, Field(ge=0, le=100000)] = 0
    settles: bool = False


class NewReadings(Message):
    """Annotations that are stored all or none."""

    readings: Annotated[list[NewReading], Field(min_length=1, max_length=500)]


class Stored(Message):
    """Numbers of stored annotations: they are on the disk."""

    numbers: list[int]


class UndoWanted(Message):
    """Take the last one back."""

    key: Key


class Undone(Message):
    """The cell whose annotation was taken back; none where there was nothing left."""

    turn: TurnMessage | None


class Cells(Message):
    """Some cells."""

    cells: Annotated[list[Text], Field(max_length=500)]


class ReviewedMessage(Message):
    """A cell with all that was said of it."""

    cell: TurnMessage
    label: str | None
    standing: str
    readings: list[ReadingMessage]
    reason: str

    @classmethod
    def of(cls, each: Reviewed) -> ReviewedMessage:
        """Return the message of a reviewed cell."""
        return cls(
            cell=TurnMessage.of(each.turn),
            label=each.label,
            standing=each.standing,
            readings=[ReadingMessage.of(reading) for reading in each.readings],
            reason=each.reason,
        )


class ReviewedCells(Message):
    """A page of cells, how many there are in all, and how they were found."""

    n: int
    note: str = ""
    cells: list[ReviewedMessage]


class CellHistory(Message):
    """A cell and everything ever said of it, oldest first."""

    cell: ReviewedMessage
    history: list[ReadingMessage]


class SpecimenSummary(Message):
    """How far a specimen is read."""

    specimen: str
    n_cells: int
    n_unread: int
    labels: dict[str, int]
    suggestions: dict[str, int]


class Specimens(Message):
    """All specimens of the pool."""

    specimens: list[SpecimenSummary]


class RoundSummary(Message):
    """A finished round."""

    round: int
    n_labels: int
    kappa: float | None
    stabilised: bool
    estimate: dict[str, Any] | None
    labels_per_pattern: dict[str, int]
    notes: list[str]
    seconds: float


class AnnotatorSummary(Message):
    """What someone did so far."""

    name: str
    n_readings: int
    seconds_per_label: float | None
    keystrokes_per_label: float | None


class ProgressMessage(Message):
    """How far the annotation is."""

    n_pool: int
    budget: int
    n_labelled: int
    n_second: int
    standings: dict[str, int]
    labels_per_pattern: dict[str, int]
    rounds: list[RoundSummary]
    ended: str | None
    estimate: dict[str, Any] | None
    stop: str
    model: str
    trainer: dict[str, Any]
    annotators: list[AnnotatorSummary]


class AccountMessage(Message):
    """An account, without its password."""

    name: str
    role: Role
    active: bool


class AccountList(Message):
    """All accounts."""

    accounts: list[AccountMessage]


class NewAccount(Message):
    """An account to make."""

    name: Name
    role: Role
    password: Annotated[str, Field(max_length=1024)] | None = None


class AccountChange(Message):
    """What to change of an account."""

    name: Name
    role: Role | None = None
    active: bool | None = None
    password: Annotated[str, Field(max_length=1024)] | None = None


class AccountName(Message):
    """Whose link is wanted."""

    name: Name


class LinkMessage(Message):
    """A one-time sign-in link, to append to the page's address."""

    link: str


class Imported(Message):
    """How many labels were taken in."""

    n: int
