"""Who is given which cell, and what is taken in."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cellquery.annotation import Desk, People, Plan, open_database
from cellquery.annotation.review import worth_a_look
from cellquery.campaign import KnownLabels
from cellquery.campaign.records import round_folder
from cellquery.core import InputError, SettingsError
from cellquery.data import Project, import_cells
from cellquery.data.labelling import Labelling
from cellquery.storage import SETTLING, Account, Accounts, Annotation, NewAnnotation

from .conftest import ANA, BEN, RITA, label

SMALL = {
    "train": {"inputs": {"side_px": 16}, "max_epochs": 1, "rehearsal": 0.0},
    "final": {"inputs": {"side_px": 16}, "max_epochs": 1, "rehearsal": 0.0, "min_steps": 0},
}


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


def test_undoing_twice_at_once_takes_back_two(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = given(desk)
    desk.accept(ANA, [label(first), label(second, "speckled")])
    undoable = desk.readings.undoable

    def slow(name: str) -> Annotation | None:
        found = undoable(name)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(desk.readings, "undoable", slow)
    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(lambda key: desk.undo(ANA, key), ("undo-1", "undo-2")))
    assert {each.cell.cell_id for each in taken if each} == {first, second}
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


def test_a_dispute_that_a_reviewer_skips_is_another_reviewers_turn(
    desk_with: Callable[..., Desk],
) -> None:
    desk = desk_with(overlap=1.0)
    rolf = Account("rolf", "reviewer")
    desk.accounts.add(rolf.name, rolf.role)
    (cell,) = given(desk, n=1)
    desk.accept(ANA, [label(cell)])
    desk.accept(BEN, [label(cell, "speckled")])
    (turn,) = desk.next(RITA, 1)
    assert (turn.cell.cell_id, turn.place) == (cell, SETTLING)
    # As the page sends it.
    desk.accept(RITA, [NewAnnotation("skip", cell, "", "skip", settles=True)])
    assert not desk.history.of_cell(cell)[-1].settles
    assert cell not in given(desk, RITA, 20)
    # Taken back, it is hers to settle again.
    taken = desk.undo(RITA, "undo")
    assert taken is not None
    assert (taken.cell.cell_id, taken.place) == (cell, SETTLING)
    desk.accept(RITA, [NewAnnotation("skip once more", cell, "", "skip", settles=True)])
    (turn,) = desk.next(rolf, 1)
    assert (turn.cell.cell_id, turn.place) == (cell, SETTLING)
    disputed, _ = worth_a_look(desk, RITA, "disputed")
    assert [each.turn.cell.cell_id for each in disputed] == [cell]
    desk.accept(rolf, [NewAnnotation("unsure", cell, "", "unsure", settles=True)])
    assert cell not in {*given(desk, RITA, 20), *given(desk, rolf, 20), *given(desk, BEN, 20)}
    declined, _ = worth_a_look(desk, RITA, "declined")
    assert [each.turn.cell.cell_id for each in declined] == [cell]


def test_a_third_reader_is_asked_without_being_told_and_the_majority_decides(
    desk_with: Callable[..., Desk],
) -> None:
    desk = desk_with(overlap=1.0)
    cleo = Account("cleo", "annotator")
    desk.accounts.add(cleo.name, cleo.role)
    agreed, majority, undecided = given(desk, n=3)
    desk.accept(ANA, [label(each) for each in (agreed, majority, undecided)])
    second = desk.next(BEN, 1)[0]
    desk.accept(BEN, [label(agreed), label(majority, "speckled"), label(undecided, "speckled")])
    # Two annotators: a reviewer decides, as nobody else can.
    assert {turn.place for turn in desk.next(RITA, 2)} == {SETTLING}
    desk.leases.give_back("rita", [majority, undecided])
    turns = desk.next(cleo, 2)
    assert {turn.cell.cell_id for turn in turns} == {majority, undecided}
    assert {turn.place for turn in turns} == {second.place}, "no different from a second reading"
    assert {turn.mine for turn in turns} == {None}
    desk.accept(cleo, [label(majority, "speckled"), label(undecided, "nucleolar")])
    assert desk.readings.label(majority) == "speckled"
    assert desk.readings.standing(majority) == "labelled"
    assert desk.readings.standing(undecided) == "disputed"
    for who in (ANA, BEN, cleo):
        assert not {majority, undecided} & set(given(desk, who, 20))
    (turn,) = desk.next(RITA, 1)
    assert (turn.cell.cell_id, turn.place) == (undecided, SETTLING)
    # Taken back, it is a third reader's turn again, and the first two's never.
    undone = desk.undo(cleo, "undo-third")
    assert undone is not None
    assert undone.place == second.place
    assert desk.readings.standing(undecided) == "disputed"
    assert given(desk, cleo, 1) == [undecided]


def test_a_closed_account_is_no_third_reader(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(overlap=1.0)
    cleo = Account("cleo", "annotator")
    desk.accounts.add(cleo.name, cleo.role)
    first, second = given(desk, n=2)
    desk.accept(ANA, [label(first)])
    desk.accept(cleo, [label(second)])
    desk.accept(BEN, [label(first, "speckled")])
    turns = desk.next(RITA, 3)
    assert SETTLING not in {turn.place for turn in turns}, "cleo is to read it first"
    desk.leases.give_back("rita", [turn.cell.cell_id for turn in turns])
    desk.accounts.change(cleo.name, active=False)
    assert SETTLING in {turn.place for turn in desk.next(RITA, 2)}


def test_cells_at_hand_count_in_the_budget_of_several_people(
    project: Project, desk_with: Callable[..., Desk]
) -> None:
    desk = desk_with(campaign={**SMALL, "budget": 17, "first": 6, "per_round": 4})
    campaign = desk.plan.make(project)
    people = People(desk.history, desk.leases)
    state = campaign.advance(people)
    for _ in range(12):
        # Both hold cells while the network trains and the next ones are chosen.
        hands = {who: given(desk, who, 3) for who in (ANA, BEN)}
        state = campaign.advance(people)
        if state == "done":
            break
        for who, cells in hands.items():
            desk.accept(
                who, [label(cell, "golgi" if i else "speckled") for i, cell in enumerate(cells)]
            )
    assert state == "done"
    assert len(desk.readings.read()) == 17


def test_what_is_served_while_a_network_trains_keeps_to_the_strategys_options(
    project: Project, desk_with: Callable[..., Desk]
) -> None:
    options = {"per_specimen_cap": 1, "random_share": 0.25}
    desk = desk_with(
        campaign={**SMALL, "budget": 40, "first": 6, "per_round": 8, "options": options}
    )
    campaign = desk.plan.make(project)
    people = People(desk.history, desk.leases)
    campaign.advance(people)
    assert set(desk.ranking.groups) == set(), "not read yet"
    first = given(desk, n=6)
    assert desk.ranking.groups.keys() == desk.pool
    desk.accept(
        ANA, [label(each, "golgi" if i % 2 else "speckled") for i, each in enumerate(first)]
    )
    assert campaign.advance(people) == "waiting"
    turns = desk.next(ANA, 16)
    asked = [turn.cell.cell_id for turn in turns[:8]]
    assert set(asked) == set(desk.ranking.asked)
    ahead = [turn.cell for turn in turns[8:]]
    # Six by the strategy, each of another specimen; two drawn at random.
    specimens = [cell.specimen for cell in ahead]
    assert len(set(specimens[:6])) == 6
    desk.accept(ANA, [label(turn.cell.cell_id) for turn in turns])
    picked = next(
        each for each in desk.ranking.standing if desk.readings.standing(each) == "unread"
    )
    desk.accept(BEN, [label(picked, way="specimen")])
    assert campaign.advance(people) == "waiting"
    query = round_folder(desk.ranking.root, 2).query()
    assert query is not None
    by = dict(zip(query.ids.tolist(), query.chosen_by.tolist(), strict=True))  # type: ignore[union-attr]
    assert [by[cell.cell_id] for cell in ahead] == ["margin"] * 6 + ["random"] * 2
    assert by[picked] == "annotator"


def test_a_share_of_the_cells_is_read_twice(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(overlap=0.3)
    share = sum(map(desk.wants_two, desk.pool)) / len(desk.pool)
    assert 0.1 < share < 0.5
    assert not any(desk.wants_two(cell) for cell in desk.cells if cell not in desk.pool)


def test_the_campaigns_cells_come_first_and_no_more_than_the_budget(
    project: Project, desk_with: Callable[..., Desk]
) -> None:
    desk = desk_with(campaign={**SMALL, "budget": 12, "first": 6, "per_round": 6, "audit_cells": 2})
    campaign = desk.plan.make(project)
    people = People(desk.history, desk.leases)
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


@pytest.mark.parametrize("of_an_earlier_version", [False, True])
def test_a_campaign_goes_on_with_its_cells_when_its_project_grows(
    tmp_path: Path, paint: Callable[..., Path], of_an_earlier_version: bool
) -> None:
    for number in range(14):
        paint(tmp_path / "source" / f"{number}.png", number)
    project = Project.create(tmp_path / "cells", ["golgi", "speckled"])
    import_cells(tmp_path / "source", project)
    plan = Plan.of(project, campaign={**SMALL, "budget": 8, "first": 4, "per_round": 4})
    database = open_database(project)
    Accounts(database).add(ANA.name, ANA.role)
    desk = Desk(project, plan, database)
    began, people = desk.pool, People(desk.history, desk.leases)
    campaign = plan.make(project)
    campaign.advance(people)
    turns = desk.next(ANA, 4)
    desk.accept(ANA, [label(turn.cell.cell_id) for turn in turns])
    assert campaign.advance(people) == "waiting"
    if of_an_earlier_version:
        (project.path / "annotation" / "campaign" / "pool.parquet").unlink()

    # Three more cells, and a pattern for one of the pool.
    for number in range(14, 17):
        paint(tmp_path / "source" / f"{number}.png", number)
    (tmp_path / "labels.csv").write_text("id,pattern\n3,speckled\n")
    grown = import_cells(
        tmp_path / "source", project, labelling=Labelling(annotations=tmp_path / "labels.csv")
    )
    assert (grown.imported, grown.taken_over) == (3, 1)

    project = Project.open(project.path)
    desk = Desk(project, Plan.of(project), database)
    assert desk.pool == began
    assert len(desk.cells) == 17
    assert len(given(desk, n=20)) == 4, "what the budget holds"
    campaign = desk.plan.make(project)
    assert campaign.advance(people) == "waiting"
    desk.accept(ANA, [label(each) for each in given(desk, n=20)])
    assert campaign.advance(people) == "done"
    database.close()


def test_when_a_campaign_has_stopped_early_only_what_is_open_is_handed_out(
    project: Project, desk_with: Callable[..., Desk]
) -> None:
    still = {**SMALL["train"], "learning_rate": 1e-9}
    stops = {"stop_kappa": 0.5, "restart": "initial"}
    desk = desk_with(
        campaign={**SMALL, "train": still, "budget": 60, "first": 6, "per_round": 4, **stops},
        overlap=1.0,
    )
    campaign, people = desk.plan.make(project), People(desk.history, desk.leases)
    while campaign.advance(people) == "waiting":
        desk.refresh()
        desk.accept(ANA, [label(each) for each in desk.ranking.asked])
    desk.refresh()
    assert desk.ranking.done
    read = desk.readings.read()
    assert len(read) < 60

    assert given(desk, n=20) == []
    second, *rest = given(desk, BEN, 20)
    assert {second, *rest} <= set(read)
    desk.accept(BEN, [label(second, "speckled")])
    assert second in given(desk, RITA, 20)
    undone = desk.undo(ANA, "undo")
    assert undone is not None
    assert given(desk, n=20) == [undone.cell.cell_id]
    desk.leases.give_back(ANA.name, [undone.cell.cell_id])
    again = Desk(project, desk.plan, desk.database)
    assert given(again, n=20) == [undone.cell.cell_id], "by another process too"


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
    with pytest.raises(SettingsError, match="overlap: Input should be less than or equal to 1"):
        Plan.of(project, overlap=2.0)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "every cell has a pattern already"),
        ({"pool": ("train",)}, "without a split"),
        ({"split": "random", "pool": ("nothing",)}, "has no part 'nothing'"),
        ({"split": "random", "pool": ("train",), "patterns": ("golgi",)}, "two or more"),
        ({"split": "random", "pool": ("train",), "patterns": ("golgi", "golgi")}, "named twice"),
        (
            {"split": "random", "pool": ("train",), "patterns": ("golgi", "homogeneus")},
            "'homogeneus' is no pattern; write homogeneous",
        ),
        ({"split": "random", "pool": ("train",), "rehearse": ("nothing",)}, "no part 'nothing'"),
        ({"split": "random", "pool": ("train",), "rehearse": ("train",)}, "72 of its cells are"),
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
    assert KnownLabels({"a": "golgi"}).ahead() == {}
