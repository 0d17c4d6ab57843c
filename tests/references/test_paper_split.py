"""The sizes of the paper's split of LSHEp-2: 63,445 cells, 50,758 for training, 12,687 to test.

The paper also gives the test cells of Golgi (375) and nuclear membrane (814), of about 1,877 and
4,072. The sizes of the other four classes are not published: those here are made up, with the only
remainders (6 over fives) that lead to the published sum when each class is rounded down.
"""

from __future__ import annotations

from collections import Counter

from cellquery.data import random_split

SIZES = {
    "golgi": 1_877,
    "nuclear_membrane": 4_072,
    "homogeneous": 14_371,
    "speckled": 14_371,
    "nucleolar": 14_376,
    "centromere": 14_378,
}


def test_a_fifth_of_each_class_rounded_down_gives_the_papers_sizes() -> None:
    patterns = [pattern for pattern, size in SIZES.items() for _ in range(size)]
    ids = [str(number) for number in range(1, len(patterns) + 1)]
    parts = random_split(ids, patterns, fraction=0.2, seed=0)
    assert len(ids) == 63_445
    assert (len(parts["train"]), len(parts["test"])) == (50_758, 12_687)
    tested = Counter(patterns[int(cell_id) - 1] for cell_id in parts["test"])
    assert (tested["golgi"], tested["nuclear_membrane"]) == (375, 814)
