from __future__ import annotations

from typing import Any

import pytest

from cellquery.acquisition import query_strategy
from cellquery.core import SettingsError


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("committee", {"method": "KL"}, "method: Input should be 'kl' or 'vote-entropy'"),
        ("bald", {"batch": "powr"}, "batch: Input should be 'power' or 'top'"),
        ("margin", {"round_robin": "no"}, "round_robin: .* boolean"),
        ("margin", {"per_specimen_cap": 1.5}, "per_specimen_cap: .* integer"),
        ("margin", {"per_specimen_cap": True}, "per_specimen_cap: .* integer"),
        ("margin", {"random_share": "0.3"}, "random_share: .* number"),
        ("margin", {"random_share": float("nan")}, "random_share: .* finite"),
        ("typiclust", {"n_neighbours": "x"}, "n_neighbours: .* integer"),
        ("cluster-margin", {"oversampling": 0}, "oversampling: .* greater than 0"),
        ("max-herding", {"bandwidth": -0.5}, "bandwidth: .* greater than 0"),
        ("margin", {"name": "entropy"}, "no option 'name'"),
    ],
)
def test_values_of_options_are_checked(name: str, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError, match=f"^strategy {name}: .*{fault}"):
        query_strategy(name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("margin", {"per_specimen_cap": None, "round_robin": False, "random_share": 0}),
        ("max-herding", {"bandwidth": 1, "n_reference": 100}),
        ("max-herding", {"bandwidth": None}),
    ],
)
def test_defaults_and_whole_numbers_are_values_too(name: str, options: dict[str, Any]) -> None:
    assert query_strategy(name, **options).name == name
