from __future__ import annotations

from pathlib import Path

import pytest

from cellquery import core
from cellquery.core import CellqueryError, InputError

ERRORS = [
    kind
    for kind in vars(core).values()
    if isinstance(kind, type) and issubclass(kind, CellqueryError)
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_one_line_with_file_fault_and_remedy(kind: type[CellqueryError]) -> None:
    error = kind(Path("cells") / "1.png", "is cut\nshort", "copy it again\n")

    assert str(error) == f"{Path('cells') / '1.png'}: is cut short; copy it again"


def test_the_parts_of_an_error_can_be_read_one_by_one() -> None:
    error = InputError("1.png", "is empty", "remove it")

    assert (error.where, error.fault, error.remedy) == ("1.png", "is empty", "remove it")


def test_one_except_clause_catches_every_error() -> None:
    assert len(ERRORS) >= 6
    for kind in ERRORS:
        with pytest.raises(CellqueryError):
            raise kind("settings.toml", "is wrong", "mend it")
