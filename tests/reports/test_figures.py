from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.core import RESEARCH_USE_ONLY, SIX_PATTERNS, CellqueryError
from cellquery.reports.figures import (
    MethodResult,
    Plate,
    SpecimenResult,
    SplitResult,
    confusion_matrix,
    learning_curves,
    method_comparison,
    recall_by_pattern,
    reliability_diagram,
    specimen_bars,
    split_comparison,
)

TWO = ("golgi", "nuclear_membrane")
EPOCHS = [
    {"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 0.8,
     "validation_accuracy": 0.6},
    {"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.7, "validation_loss": 0.4,
     "validation_accuracy": 0.75},
    {"epoch": 3, "train_loss": 0.2, "train_accuracy": 0.9, "validation_loss": 0.6,
     "validation_accuracy": 0.7},
]  # fmt: skip


def _text(plate: Plate) -> list[str]:
    """Return the words drawn in a figure."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", plate.render().decode())


def test_methods_stand_beside_each_other_with_what_was_not_measured() -> None:
    measured = MethodResult("Ours", 94.79, known=(96.0, 97.0), unseen=(80.04,))
    plate = method_comparison([measured, MethodResult("A $method$ of others")])
    assert {"Ours", "A $method$ of others", "published, on other cells"} <= set(_text(plate))
    assert "Ours 96.5 known, 80.0 unseen" in plate.alt
    assert "A $method$ of others not measured" in plate.alt


def test_the_confusion_matrix_shows_percentages_counts_and_the_papers_short_names() -> None:
    plate = confusion_matrix([[9, 1], [0, 30]], TWO, "Unseen")
    drawn = _text(plate)
    for words in ("90.0", "(9)", "10.0", "(1)", "100.0", "(30)", "Golgi", "NucMe"):
        assert words in drawn
    assert "accuracy 97.5 % of 40 cells" in drawn
    assert "10.0 % of Golgi taken for Nuclear membrane (1 cells)" in plate.alt


def test_a_pattern_without_cells_has_no_percentages() -> None:
    assert _text(confusion_matrix([[0, 0], [0, 4]], TWO)).count("–") == 2


def test_curves_name_the_epoch_of_the_lowest_validation_loss() -> None:
    assert "lowest at epoch 2, accuracy 75.0 %" in learning_curves(EPOCHS).alt


def test_curves_of_one_epoch_without_validation_are_drawn() -> None:
    first = {**EPOCHS[0], "validation_loss": None, "validation_accuracy": None}
    assert "1 epochs" in learning_curves([first]).alt


def test_the_reliability_diagram_states_the_error_and_which_way_it_leans() -> None:
    bins = [
        {"confidence": 0.5, "accuracy": 0.4, "count": 10},
        {"confidence": 0.9, "accuracy": 0.7, "count": 90},
        {"confidence": 0.1, "accuracy": 0.0, "count": 0},
    ]
    plate = reliability_diagram(bins, 0.19, (0.1, 0.3))
    assert "calibration error (ECE) 19.0 % (10.0 to 30.0)" in _text(plate)
    assert "over-confident" in plate.alt


def test_recall_is_given_in_numbers_and_a_pattern_without_cells_says_so() -> None:
    plate = recall_by_pattern(TWO, {"golgi": 0.875}, {"golgi": (0.8, 0.9)}, {"golgi": 40})
    drawn = _text(plate)
    assert "87.5" in drawn
    assert "n = 40" in drawn
    assert any("no cells" in words for words in drawn)


def test_specimens_are_marked_by_their_vote() -> None:
    results = [
        SpecimenResult("s1", "golgi", {"golgi": 3, "nuclear_membrane": 1}, "golgi"),
        SpecimenResult("s2", "golgi", {"golgi": 1, "nuclear_membrane": 3}, "nuclear_membrane"),
        SpecimenResult("s3", None, {"golgi": 2, "nuclear_membrane": 0}, "golgi"),
    ]
    plate = specimen_bars(results, TWO)
    drawn = _text(plate)
    assert {"✓ Golgi, n = 4", "✗ NucMe, n = 4", "Golgi, n = 2"} <= set(drawn)
    assert "right for 1 of 2 specimens" in plate.alt


def test_unseen_specimens_come_first_in_the_comparison() -> None:
    random = SplitResult("random", False, {"aca": 0.97, "mca": 0.96})
    unseen = SplitResult("unseen", True, {"aca": 0.8, "mca": 0.7}, {"aca": (0.7, 0.9)})
    plate = split_comparison([random, unseen], TWO)
    assert plate.alt.index("unseen: ACA 80.0, MCA 70.0") < plate.alt.index("random: ACA 97.0")


@pytest.mark.parametrize("name", ["a$b$c", "$\\frac{", "<script>", "抗核"])
def test_names_of_any_letters_are_drawn_as_they_are(name: str) -> None:
    plates = [
        confusion_matrix([[1]], [name], name),
        recall_by_pattern([name], {name: 0.5}, {}, {name: 2}, name),
        specimen_bars([SpecimenResult(name, name, {name: 1}, name)], [name], name),
        split_comparison([SplitResult(name, True, {"aca": 1, "mca": 1, name: 1})], [name], name),
        learning_curves(EPOCHS, name),
    ]
    for plate in plates:
        assert "<script" not in plate.render().decode()
    assert plates[0].render("png")


def test_every_figure_carries_the_wording() -> None:
    assert RESEARCH_USE_ONLY in _text(learning_curves(EPOCHS))


def test_a_figure_is_the_same_to_the_byte_when_drawn_again() -> None:
    first, second = (confusion_matrix(np.eye(6, dtype=int), SIX_PATTERNS).render() for _ in "12")
    assert first == second


def test_a_figure_is_saved_as_svg_or_png_by_its_name(tmp_path: Path) -> None:
    plate = learning_curves(EPOCHS)
    assert plate.save(tmp_path / "curves.svg").read_text().startswith("<?xml")
    with Image.open(plate.save(tmp_path / "curves.png")) as image:
        assert image.width > 600


def test_another_ending_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        CellqueryError, match=r"curves\.gif: .*; let the name end in \.png or \.svg"
    ):
        learning_curves(EPOCHS).save(tmp_path / "curves.gif")
