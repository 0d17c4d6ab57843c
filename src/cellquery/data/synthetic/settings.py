"""What a user can choose about synthetic cells."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cellquery.core import SIX_PATTERNS, SettingsError, parse_pattern
from cellquery.data.synthetic.brightness import STAINED_PATTERNS


class SyntheticSettings(BaseModel):
    """The choices that, with an index, determine every synthetic cell.

    Attributes
    ----------
    patterns : tuple of str
        In any spelling, kept as canonical names; specimens show them in this order, over again.
    n_specimens : int
        Specimens (sera); each shows one pattern at one intensity.
    seed : int
        Another seed gives other specimens and other cells.
    bit_depth : {8, 16}
        Of the image: 8-bit counts, or a 16-bit container with 12-bit content.
    spread : float
        How far specimens differ: 0 makes the sera of a pattern and an intensity alike, 1 is like
        the I3A set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patterns: tuple[str, ...] = SIX_PATTERNS
    n_specimens: int = Field(24, ge=1, le=99_999)
    seed: int = Field(0, ge=0)
    bit_depth: Literal[8, 16] = 8
    spread: float = Field(1.0, ge=0.0, le=1.0)

    @property
    def content_bits(self) -> int:
        """The bits that the counts really use: 8, or 12 in the 16-bit container."""
        return 8 if self.bit_depth == 8 else 12

    @field_validator("patterns")
    @classmethod
    def _canonical(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(map(parse_pattern, patterns)))
        unknown = [name for name in names if name not in STAINED_PATTERNS]
        if unknown or not names:
            raise SettingsError(
                "patterns",
                f"{', '.join(unknown) or 'none'} cannot be synthesised",
                f"choose from {', '.join(STAINED_PATTERNS)}",
            )
        return names

    @model_validator(mode="after")
    def _enough_specimens(self) -> Self:
        if self.n_specimens < len(self.patterns):
            raise SettingsError(
                "specimens",
                f"{self.n_specimens} cannot show {len(self.patterns)} patterns",
                "ask for at least one specimen a pattern",
            )
        return self


def synthetic_settings(**choices: object) -> SyntheticSettings:
    """Return settings from a user's choices.

    Raises
    ------
    SettingsError
        When one is out of range or a pattern cannot be synthesised.
    """
    try:
        return SyntheticSettings.model_validate(choices)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(name, first["msg"], "see cellquery synthesize --help") from None
