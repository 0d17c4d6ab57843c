from __future__ import annotations

from pathlib import Path

import pytest

from cellquery.core import SettingsError
from cellquery.training import PRESETS, TrainSettings, read_settings


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_valid(name: str) -> None:
    assert TrainSettings.preset(name)


def test_the_paper_preset_has_the_papers_values() -> None:
    paper = TrainSettings.preset("paper")
    assert (paper.learning_rate, paper.batch_size, paper.patience) == (1e-3, 128, 5)
    assert paper.augmentation.rotation == "steps-of-18"
    assert (paper.inputs.side_px, paper.inputs.wavelet, paper.inputs.details) == (
        112,
        "haar",
        "signed",
    )
    assert paper.validation == "labelled"
    assert TrainSettings.preset("paper-leak").validation == "test"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("learning_rat = 1", "learning_rat"),
        ("learning_rate = -1", "learning_rate"),
        ("[inputs]\nwavelet = 'bior1.3'", "inputs.wavelet"),
        ("[augmentation]\nrotation = 'some'", "augmentation.rotation"),
        ("[inputs]\nside_px = 100", "side"),
        ("validation = 'none'", "patience needs validation"),
        ("max_epochs = ", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=fault) as caught:
        read_settings(file, "paper")
    assert str(file) in str(caught.value)


def test_a_file_can_take_the_patience_of_a_preset_away(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("validation = 'none'\npatience = 'none'\n")
    settings = read_settings(file, "paper")
    assert (settings.validation, settings.patience) == ("none", None)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("max_epochs = 2\n", encoding="utf-8-sig")
    assert read_settings(file).max_epochs == 2


def test_settings_are_laid_over_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("max_epochs = 2\n[inputs]\ndetails = 'magnitude'\n")
    settings = read_settings(file, "paper")
    assert settings.max_epochs == 2
    assert settings.inputs.details == "magnitude"
    assert settings.inputs.normalisation == "dataset"


def test_unknown_presets_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no preset 'good'"):
        TrainSettings.preset("good")
    with pytest.raises(SettingsError, match="no such file"):
        read_settings(tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)
