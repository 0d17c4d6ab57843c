from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from cellquery.core import SettingsError
from cellquery.data.synthetic import SyntheticSettings, synthesize, synthetic_cells


def test_cells_are_made_as_they_are_asked_for() -> None:
    assert len(list(islice(synthesize(10**9, n_specimens=6), 3))) == 3


def test_specimens_share_the_cells_evenly() -> None:
    specimens = [cell.specimen for cell in synthesize(20, n_specimens=6)]
    counts = [specimens.count(name) for name in dict.fromkeys(specimens)]

    assert counts == [4, 4, 3, 3, 3, 3]


def test_no_cells_may_be_asked_for() -> None:
    assert list(synthesize(0)) == []


@pytest.mark.parametrize(("n_cells", "workers"), [(-1, 1), (5, 0)])
def test_senseless_numbers_are_refused(n_cells: int, workers: int) -> None:
    with pytest.raises(SettingsError):
        synthetic_cells(n_cells, SyntheticSettings(), workers=workers)


def test_cells_held_already_are_left_out() -> None:
    settings = SyntheticSettings(patterns=("golgi",), n_specimens=2)
    ids = [cell.cell_id for cell in synthetic_cells(6, settings, held={"S001": 2, "S002": 3})]

    assert ids == ["S001-00003"]


def test_several_processes_make_the_same_cells_in_the_same_order() -> None:
    settings = SyntheticSettings(n_specimens=6, seed=8)
    alone, together = (list(synthetic_cells(12, settings, workers=n)) for n in (1, 2))

    assert [cell.cell_id for cell in together] == [cell.cell_id for cell in alone]
    assert all(
        np.array_equal(one.pixels, other.pixels) and np.array_equal(one.mask, other.mask)
        for one, other in zip(alone, together, strict=True)
    )


def test_two_cores_can_make_five_hundred_cells_a_second() -> None:
    next(synthesize(300, n_specimens=60))  # imports and caches

    def rate() -> float:
        start = time.process_time()  # of this process alone, whatever else the machine does
        return sum(1 for _ in synthesize(300, n_specimens=60)) / (time.process_time() - start)

    # Others on the same core slow it down all the same: once in ten tries it has it to itself.
    assert any(rate() > 250 for _ in range(10))
