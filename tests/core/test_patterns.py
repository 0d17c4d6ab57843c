from __future__ import annotations

from collections import Counter

import pytest

from cellquery.core import PATTERNS, SIX_PATTERNS, find_pattern, parse_pattern
from cellquery.core.patterns import _folded

SPELLINGS = [
    (spelling, pattern.name)
    for pattern in PATTERNS
    for spelling in (pattern.name, pattern.title, pattern.short, *pattern.aliases)
]


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS)
def test_every_spelling_names_its_own_pattern(spelling: str, name: str) -> None:
    assert parse_pattern(spelling) == name


def test_no_spelling_names_two_patterns() -> None:
    owners = {(_folded(spelling), name) for spelling, name in SPELLINGS}
    counts = Counter(spelling for spelling, _ in owners)

    assert [spelling for spelling, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("spelling", ["NuMem", "nuclear-membrane", " Nuclear Membrane ", "NUMEM"])
def test_case_spaces_hyphens_and_underscores_do_not_matter(spelling: str) -> None:
    assert parse_pattern(spelling) == "nuclear_membrane"


def test_the_six_patterns_of_i3a_come_first_in_the_order_of_the_paper() -> None:
    assert SIX_PATTERNS == (
        "homogeneous",
        "speckled",
        "nucleolar",
        "centromere",
        "nuclear_membrane",
        "golgi",
    )


def test_the_order_of_all_patterns_is_the_one_that_saved_models_know() -> None:
    assert tuple(pattern.name for pattern in PATTERNS) == (
        *SIX_PATTERNS,
        "coarse_speckled",
        "fine_speckled",
        "cytoplasmic",
        "mitotic_spindle",
        "negative",
    )


def test_labels_for_axes_are_short_and_differ() -> None:
    labels = [pattern.short for pattern in PATTERNS]

    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 6


def test_every_pattern_has_an_icap_code() -> None:
    assert all(pattern.icap.startswith("AC-") for pattern in PATTERNS)


def test_a_parent_is_a_pattern_without_a_parent() -> None:
    parents = {pattern.parent for pattern in PATTERNS if pattern.parent}

    assert parents == {"speckled"}
    assert find_pattern("speckled").parent is None


def test_a_pattern_of_ones_own_keeps_its_name() -> None:
    assert find_pattern("Dense fine speckled") is None
    assert parse_pattern("Dense fine-speckled") == "dense_fine_speckled"
