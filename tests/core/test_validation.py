from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellquery.core.validation import settings_fault


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    side_px: int = 78


class Without(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    budget: int = Field(default=1, gt=0)
    inner: Inner | None = None
    several: list[Inner] = []
    none: Without = Without()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"budgets": 3}, "budgets: there is no such setting; write budget"),
        ({"inner": {"side": 9}}, "inner.side: there is no such setting; write side_px"),
        (
            {"several": [{}, {"sidepx": 9}]},
            "several.1.sidepx: there is no such setting; write side_px",
        ),
        (
            {"colour": 1},
            "colour: there is no such setting; choose from name, budget, inner, several, none",
        ),
        ({"none": {"x": 1}}, "none.x: there is no such setting; leave it out: there is none"),
        ({"budget": 0}, "budget: Input should be greater than 0; mend it"),
    ],
)
def test_a_wrong_key_is_told_with_what_was_meant(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer(**values)

    assert str(settings_fault(caught.value, Outer, "a.toml", "mend it")) == f"a.toml: {line}"
