"""What people tell a campaign of the cells that they read."""

from __future__ import annotations

from cellquery.annotation import Desk, People

from .conftest import ANA, BEN, label


def test_a_cell_handed_out_stays_so_when_its_label_is_corrected_in_review(desk: Desk) -> None:
    handed, picked = sorted(desk.pool)[:2]
    people = People(desk.history, desk.leases)
    desk.accept(ANA, [label(handed), label(picked, way="specimen")])
    assert people.ahead() == {handed: True, picked: False}
    desk.accept(BEN, [label(handed, way="specimen"), label(picked)])
    desk.accept(ANA, [label(handed, "speckled", way="review")])
    assert people.ahead() == {handed: True, picked: False}


def test_a_cell_taken_back_and_then_picked_was_picked(desk: Desk) -> None:
    cell, people = min(desk.pool), People(desk.history, desk.leases)
    desk.accept(ANA, [label(cell)])
    desk.undo(ANA, "undo")
    desk.accept(ANA, [label(cell, key="again", way="specimen")])
    assert people.ahead() == {cell: False}
