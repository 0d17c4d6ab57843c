from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from cellquery.data import Project
from cellquery.data.audit import audit_project
from cellquery.data.audit.cues import Cue, technical_cues
from cellquery.data.audit.measurements import measure

Painter = Callable[..., Any]
Maker = Callable[..., Project]

PATTERNS = ("homogeneous", "speckled", "golgi")


@pytest.fixture
def plain(painted: Painter) -> list[Any]:
    """Ninety cells of three patterns that do not differ in anything technical."""
    random = np.random.default_rng(0)
    sides = random.permutation(np.repeat((44, 48, 52), 30))
    return [
        painted(random, side=side, bright=random.uniform(80, 160), pattern=PATTERNS[place % 3])
        for place, side in enumerate(sides)
    ]


def cues_of(project: Project) -> dict[str, Cue]:
    cells = measure(project.manifest(), project.store())
    return {cue.measured.name: cue for cue in technical_cues(cells, project.patterns)}


def codes_of(project: Project) -> dict[str, str]:
    found = audit_project(project, quick=True).findings
    return {finding.code: finding.severity for finding in found if finding.code.startswith("cue")}


def test_patterns_alike_in_everything_technical_give_no_finding(
    plain: list[Any], project_of: Maker
) -> None:
    assert codes_of(project_of(plain)) == {}


def test_one_stretched_pattern_is_an_error_and_is_named(
    plain: list[Any], project_of: Maker
) -> None:
    def stretched(pixels: Any) -> Any:
        low, high = int(pixels.min()), int(pixels.max())
        return np.round(255.0 * (pixels - low) / (high - low)).astype(np.uint8)

    cells = [
        cell.but(pixels=stretched(cell.pixels)) if cell.pattern == "golgi" else cell
        for cell in plain
    ]
    project = project_of(cells)
    cue = cues_of(project)["stretched"]

    assert cue.given_away(0.98) == ("golgi",)
    assert codes_of(project)["cue-stretched"] == "error"
    assert "cue-area" not in codes_of(project)


def test_a_pattern_of_jpegs_is_an_error(plain: list[Any], project_of: Maker) -> None:
    cells = [
        cell.but(source=f"{place}.{'jpg' if cell.pattern == 'speckled' else 'png'}")
        for place, cell in enumerate(plain)
    ]

    assert codes_of(project_of(cells)) == {"cue-file-type": "error"}


def test_a_pattern_of_larger_crops_is_a_warning(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(1)
    cells = [
        painted(random, side=60 if place % 3 == 0 else 48, pattern=PATTERNS[place % 3])
        for place in range(90)
    ]
    project = project_of(cells)

    assert cues_of(project)["area"].balanced_accuracy == pytest.approx(2 / 3, abs=0.1)
    assert codes_of(project)["cue-area"] == "warning"


def test_a_property_of_the_specimen_works_only_at_random(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(2)
    brightness = random.permutation(np.linspace(40, 220, 18))
    cells = [
        painted(
            random,
            bright=brightness[specimen],
            specimen=f"s{specimen}",
            pattern=PATTERNS[specimen % 3],
        )
        for specimen in range(18)
        for _ in range(12)
    ]
    cue = cues_of(project_of(cells))["brightness"]

    assert cue.unseen_accuracy is not None
    assert cue.balanced_accuracy > 0.7
    assert cue.unseen_accuracy < cue.balanced_accuracy - 0.25


def test_a_pattern_of_crops_turned_upright_is_found_though_all_are_square(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(4)

    def oval(angle: float, pattern: str) -> Any:
        cell = painted(random, pattern=pattern)
        y, x = np.mgrid[:48, :48] - 23.5
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        along, across = x * cosine - y * sine, x * sine + y * cosine
        places = [1.4 * across + 23.5, along + 23.5]
        return cell.but(
            pixels=ndimage.map_coordinates(cell.pixels, places, order=1, mode="nearest")
        )

    project = project_of(
        [
            oval(100 if pattern == "golgi" else random.uniform(0, 180), pattern)
            for pattern in PATTERNS * 30
        ]
    )
    cue = cues_of(project)["direction"]

    assert cue.medians is not None
    assert cue.medians["golgi"] == pytest.approx(100, abs=10)
    assert cue.given_away(0.9) == ("golgi",)
    assert codes_of(project) == {"cue-direction": "warning"}


def test_the_same_for_all_is_not_measured(plain: list[Any], project_of: Maker) -> None:
    assert not cues_of(project_of(plain))["bit_depth"].varies


def test_one_pattern_has_nothing_to_be_told_from(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(3)

    assert cues_of(project_of([painted(random) for _ in range(12)])) == {}
