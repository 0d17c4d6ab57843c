"""Who is given which cell, and what is taken in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellquery.annotation import Desk, Plan
from cellquery.campaign import KnownLabels
from cellquery.core import InputError, SettingsError
from cellquery.data import Project

from .conftest import ANA, BEN, RITA, label


def given(desk: Desk, who: object = ANA, n: int = 5) -> list[str]:
    return [turn.cell.cell_id for turn in desk.next(who, n)]  # type: ignore[arg-type]


def test_two_people_are_never_given_one_cell_and_a_reload_gives_the_same(desk: Desk) -> None:
    anas, bens = given(desk), given(desk, BEN)
    assert len(anas) == len(bens) == 5
    assert not set(anas) & set(bens)
    assert given(desk) == anas
    assert set(anas) <= desk.pool


def test_leases_that_run_out_are_given_to_others(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(lease_s=-1.0)
    assert given(desk) == given(desk, BEN)


def test_what_is_labelled_is_not_asked_again_and_comes_back_when_undone(desk: Desk) -> None:
    first, second, *_ = given(desk)
    desk.accept(ANA, [label(first), label(second, "speckled")])
    assert not {first, second} & {*given(desk), *given(desk, BEN)}
    undone = desk.undo(ANA, "undo-1")
    assert undone is not None
    assert undone.cell.cell_id == second
    assert undone.mine is not None
    assert undone.mine.pattern == "speckled"
    assert given(desk)[0] == second
    again = desk.undo(ANA, "undo-1")
    assert again is not None
    assert again.cell.cell_id == second, "the same request once more takes nothing more back"
    assert desk.readings.labels() == {first: "golgi"}
    desk.undo(ANA, "undo-2")
    assert desk.undo(ANA, "undo-3") is None
    assert desk.readings.labels() == {}


def test_an_annotation_sent_twice_is_stored_once(desk: Desk) -> None:
    cell = given(desk)[0]
    assert desk.accept(ANA, [label(cell)]) == desk.accept(ANA, [label(cell)])
    assert len(desk.history.since()) == 1
    # A key is its sender's own.
    desk.accept(BEN, [label(cell)])
    assert len(desk.history.since()) == 2


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"cell_id": "nowhere"}, "no such cell"),
        ({"pattern": "mystery"}, "not in the class list"),
        ({"pattern": None}, "not in the class list"),
        ({"settles": True}, "is for reviewers"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_all_that_came_with_it(
    desk: Desk, change: dict[str, object], fault: str
) -> None:
    first, second, *_ = given(desk)
    with pytest.raises(InputError, match=fault):
        desk.accept(ANA, [label(first), replace(label(second), **change)])  # type: ignore[arg-type]
    assert desk.history.since() == []


def test_cells_to_be_read_twice_go_to_a_second_reader_and_disputes_to_a_reviewer(
    desk_with: Callable[..., Desk],
) -> None:
    desk = desk_with(overlap=1.0)
    first, second, *_ = given(desk, n=2)
    desk.accept(ANA, [label(first), label(second)])
    assert not {first, second} & set(given(desk, n=10))
    turns = desk.next(BEN, 2)
    assert {(turn.cell.cell_id, turn.place) for turn in turns} == {(first, 1), (second, 1)}
    desk.accept(BEN, [label(first, "speckled"), label(second)])
    assert desk.readings.standing(first) == "disputed"
    assert desk.readings.label(second) == "golgi"
    (turn,) = desk.next(RITA, 1)
    assert (turn.cell.cell_id, turn.place) == (first, 2)
    desk.accept(RITA, [label(first, "speckled", settles=True)])
    assert desk.readings.label(first) == "speckled"
    assert first not in {*given(desk, RITA, 20), *given(desk, n=20), *given(desk, BEN, 20)}


def test_a_share_of_the_cells_is_read_twice(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(overlap=0.3)
    share = sum(map(desk.wants_two, desk.pool)) / len(desk.pool)
    assert 0.1 < share < 0.5
    assert not any(desk.wants_two(cell) for cell in desk.cells if cell not in desk.pool)


def test_the_campaigns_cells_come_first_and_no_more_than_the_budget(
    project: Project, desk_with: Callable[..., Desk]
) -> None:
    settings = {
        "budget": 12,
        "first": 6,
        "per_round": 6,
        "audit_cells": 2,
        "train": {"inputs": {"side_px": 16}, "max_epochs": 1, "rehearsal": 0.0},
        "final": {"inputs": {"side_px": 16}, "max_epochs": 1, "rehearsal": 0.0, "min_steps": 0},
    }
    desk = desk_with(campaign=settings)
    campaign = desk.plan.make(project)
    from cellquery.annotation import People

    people = People(desk.history)
    assert campaign.advance(people) == "waiting"
    audit = given(desk, n=2)
    desk.refresh()
    assert audit == desk.ranking.asked
    desk.accept(ANA, [label(each) for each in audit])
    assert campaign.advance(people) == "waiting"
    asked = given(desk, n=6)
    assert set(asked) <= set(desk.ranking.asked)
    desk.accept(
        ANA, [label(each, "golgi" if i % 2 else "speckled") for i, each in enumerate(asked)]
    )
    # While the network trains, others are served, but only what the budget still holds.
    ahead = given(desk, n=50)
    assert len(ahead) == 12 - len(audit) - len(asked)
    assert campaign.advance(people) == "waiting"
    bens = given(desk, BEN, 50)
    assert set(bens) <= set(desk.ranking.asked)
    desk.leases.give_back("ben", bens)
    desk.accept(ANA, [label(each) for each in ahead])
    while campaign.advance(people) == "waiting":
        desk.refresh()
        cells = given(desk, n=5)
        assert cells, "the campaign waits for cells that nobody is given"
        desk.accept(ANA, [label(each) for each in cells])
    desk.refresh()
    assert desk.ranking.done
    turn = desk.turn(ahead[0], ANA)
    assert turn.suggestion is not None
    assert turn.suggestion.pattern in desk.plan.patterns


def test_a_desk_sees_what_another_process_took_in(desk_with: Callable[..., Desk]) -> None:
    one, two = desk_with(), desk_with()
    cell = given(one)[0]
    one.accept(ANA, [label(cell)])
    assert cell not in given(two, BEN, 200)
    assert two.readings.label(cell) == "golgi"


def test_a_plan_is_kept_and_not_changed_on_the_way(project: Project, tmp_path: Path) -> None:
    plan = Plan.of(project, split="random", pool=("train",), overlap=0.2)
    assert Plan.of(project) == plan
    assert Plan.of(project, overlap=0.2) == plan
    with pytest.raises(SettingsError, match="began with another overlap"):
        Plan.of(project, overlap=0.5)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "every cell has a pattern already"),
        ({"pool": ("train",)}, "without a split"),
        ({"split": "random", "pool": ("nothing",)}, "has no part 'nothing'"),
        ({"split": "random", "pool": ("train",), "overlap": 2.0}, "overlap"),
        ({"split": "random", "pool": ("train",), "campaign": {"budgget": 3}}, "budgget"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_and_not_kept(
    project: Project, values: dict[str, object], fault: str
) -> None:
    with pytest.raises((SettingsError, InputError), match=fault):
        Plan.of(project, **values)
    assert not (project.path / "annotation" / "plan.json").exists()


def test_known_labels_never_run_ahead() -> None:
    assert list(KnownLabels({"a": "golgi"}).ahead()) == []
