"""The table of settings in docs/training.md is that of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cellquery.reports.training_report import flat
from cellquery.training import TrainSettings

Value = float | str


def _value(text: str) -> Value:
    text = text.strip("` ").lower()
    try:
        return float(text)
    except ValueError:
        return text


def _rows(page: str) -> Iterator[tuple[str, Value, Value]]:
    """Yield key, default and value in `best`; a row has several keys, and as many values or one."""
    table = page.partition("| key | values |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        named, _, default, best = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        keys = re.findall(r"`([\w.]+)`", named)
        group = keys[0].rpartition(".")[0]
        columns = [
            (text.split(",") * len(keys))[: len(keys)] for text in (default, best or default)
        ]
        for key, *values in zip(keys, *columns, strict=True):
            yield group * key.startswith(".") + key, *map(_value, values)


def test_it_has_every_default_and_what_the_preset_best_sets(repository: Path) -> None:
    default, best = (
        flat(settings.model_dump()) for settings in (TrainSettings(), TrainSettings.preset("best"))
    )
    # Filled in from the cells, or of one network alone.
    of_cells = {"inputs.content_bits", "inputs.mean", "inputs.std", "options.shortcut"}
    rows = list(_rows((repository / "docs" / "training.md").read_text()))

    assert sorted(row for row in rows if row[0] != "options") == sorted(
        (key, _value(default[key]), _value(best[key])) for key in default.keys() - of_cells
    )
