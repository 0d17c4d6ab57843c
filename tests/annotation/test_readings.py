"""What a history of annotations comes to."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from cellquery.annotation import Readings
from cellquery.storage import Annotation

_NUMBERS = itertools.count(1)


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def said(cell: str, who: str, pattern: str | None, **more: object) -> Annotation:
    number = next(_NUMBERS)
    kind = more.pop("kind", "label" if pattern else "skip")
    return Annotation(str(number), cell, who, kind, pattern, number=number, **more)  # type: ignore[arg-type]


def test_the_last_word_of_each_reader_counts() -> None:
    readings = Readings()
    assert readings.standing("a") == "unread"
    readings.take([said("a", "ana", "golgi"), said("a", "ana", "speckled")])
    assert readings.label("a") == "speckled"
    readings.take([said("a", "ben", "speckled")])
    assert readings.standing("a") == "labelled"
    readings.take([said("a", "ben", "golgi")])
    assert readings.standing("a") == "disputed"
    assert readings.label("a") is None


def test_taking_back_brings_the_word_before_to_light() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ana", "speckled")])
    readings.take([said("a", "ana", None, kind="withdrawn")])
    assert readings.label("a") == "golgi"
    readings.take([said("a", "ana", None, kind="withdrawn")])
    assert readings.standing("a") == "unread"
    assert readings.read() == []
    readings.take([said("a", "ana", None, kind="withdrawn")])
    assert readings.standing("a") == "unread"


def test_who_read_first_stays_the_first_until_all_is_taken_back() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ben", "speckled")])
    readings.take([said("a", "ana", "speckled", way="review")])

    def told() -> list[list[str | None]]:
        return [[each.pattern for each in by_one] for by_one in readings.told("a")]

    assert told() == [["golgi", "speckled"], ["speckled"]]
    readings.take([said("a", "ana", None, kind="withdrawn") for _ in range(2)])
    readings.take([said("a", "ana", "centromere")])
    assert told() == [["speckled"], ["centromere"]]
    assert readings.told("b") == []


def test_a_reviewer_decides_and_the_last_decision_counts() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ben", "speckled")])
    readings.take([said("a", "rita", "centromere", settles=True)])
    assert (readings.standing("a"), readings.label("a")) == ("settled", "centromere")
    readings.take([said("a", "rolf", "golgi", settles=True)])
    assert readings.label("a") == "golgi"


def test_a_skip_settles_nothing_and_leaves_a_decision_as_it_is() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ben", "speckled")])
    readings.take([said("a", "rita", None, settles=True)])
    assert (readings.standing("a"), readings.label("a")) == ("disputed", None)
    readings.take([said("a", "rolf", "golgi", settles=True), said("a", "rolf", None)])
    assert (readings.standing("a"), readings.label("a")) == ("settled", "golgi")


def test_whoever_settled_a_cell_goes_on_settling_it() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ben", "speckled")])
    readings.take([said("a", "rita", "golgi", settles=True)])
    readings.take([said("a", "ben", "centromere")])
    assert (readings.standing("a"), readings.label("a")) == ("settled", "golgi")
    readings.take([said("a", "rita", "speckled", way="specimen")])
    assert (readings.standing("a"), readings.label("a")) == ("settled", "speckled")
    readings.take([said("a", "rita", None, kind="withdrawn")])
    assert readings.label("a") == "golgi"
    readings.take([said("a", "rita", None, kind="withdrawn")])
    assert readings.standing("a") == "disputed"


def test_what_a_reviewer_cannot_name_is_declined() -> None:
    readings = Readings()
    readings.take([said("a", "ana", "golgi"), said("a", "ben", "golgi")])
    readings.take([said("a", "rita", None, kind="unsure", settles=True)])
    assert (readings.standing("a"), readings.label("a")) == ("declined", None)


def test_skipping_and_being_unsure_name_nothing_but_are_readings() -> None:
    readings = Readings()
    readings.take([said("a", "ana", None), said("b", "ana", "golgi", kind="unsure")])
    assert readings.standing("a") == readings.standing("b") == "declined"
    assert readings.labels() == {}
    readings.take([said("b", "ben", "speckled")])
    assert readings.labels() == {"b": "speckled"}


def test_labels_are_told_while_another_thread_takes_readings_in(busy_threads: None) -> None:
    readings, going = Readings(), threading.Event()
    going.set()

    def take() -> None:
        for number in itertools.count():
            if not going.is_set():
                return
            cells = [f"{number}-{i}" for i in range(20)]
            readings.take(said(cell, who, "golgi") for cell in cells for who in ("ana", "ben"))
            readings.take(said(cell, "ben", None, kind="withdrawn") for cell in cells)
            if number % 2:
                readings.take(said(cell, "ana", None, kind="withdrawn") for cell in cells)

    taking = threading.Thread(target=take)
    taking.start()
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert set(readings.labels().values()) <= {"golgi"}
            for cell in readings.read()[-100:]:
                assert all(each.pattern == "golgi" for each in readings.of_cell(cell))
    finally:
        going.clear()
        taking.join()


def test_ones_own_last_readings_come_newest_first_and_each_cell_once() -> None:
    readings = Readings()
    readings.take(
        [said("a", "ana", "golgi"), said("b", "ana", "golgi"), said("a", "ana", "speckled")]
    )
    assert [each.cell_id for each in readings.last_of("ana", 10)] == ["a", "b"]
    assert [each.cell_id for each in readings.last_of("ana", 1)] == ["a"]
    assert readings.last_of("ben", 10) == []


histories = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["ana", "ben"]),
        st.sampled_from(["golgi", "speckled", "skip", "withdrawn"]),
    ),
    max_size=40,
)


@given(histories, st.integers(0, 40))
def test_taking_a_history_in_parts_is_taking_it_whole(
    history: list[tuple[str, str, str]], cut: int
) -> None:
    entries = [
        said(
            cell,
            who,
            what if what in ("golgi", "speckled") else None,
            **({"kind": what} if what in ("skip", "withdrawn") else {}),
        )
        for cell, who, what in history
    ]
    whole, parts = Readings(), Readings()
    whole.take(entries)
    parts.take(entries[:cut])
    parts.take(entries[cut:])
    assert whole.labels() == parts.labels()
    assert whole.read() == parts.read()


@given(histories)
def test_undoing_everything_leaves_nothing(history: list[tuple[str, str, str]]) -> None:
    readings = Readings()
    entries = [
        said(
            cell,
            who,
            what if what in ("golgi", "speckled") else None,
            **({"kind": what} if what in ("skip", "withdrawn") else {}),
        )
        for cell, who, what in history
    ]
    readings.take(entries)
    for who in ("ana", "ben"):
        while (last := readings.undoable(who)) is not None:
            readings.take([said(last.cell_id, who, None, kind="withdrawn")])
    assert readings.read() == []
    assert readings.labels() == {}
