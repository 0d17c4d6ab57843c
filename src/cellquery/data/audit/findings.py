"""What an audit found, in words that a reader can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

SHOWN_CELLS = 50
"""Cell ids that a finding, a group or a list names at most; its count is always the full one."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before training.

    Attributes
    ----------
    code : str
        A stable name of the kind of finding, such as ``exact-duplicates``.
    severity : {"error", "warning", "note"}
        "error": figures or labels will be wrong; "warning": figures are likely to mislead;
        "note": worth knowing.
    title : str
        One line.
    explanation, remedy : str
        What it means, and what to do about it.
    cells : tuple of str
        Some of the cells concerned, at most ``SHOWN_CELLS``.
    n_cells : int
        How many there are.
    numbers : mapping of str to object
        The figures behind it, fit for JSON.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    remedy: str
    cells: tuple[str, ...] = ()
    n_cells: int = 0
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as an entry of ``audit.json``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "explanation": self.explanation,
            "remedy": self.remedy,
            "n_cells": self.n_cells,
            "cells": list(self.cells),
            "numbers": dict(self.numbers),
        }


def concerning(cells: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a finding that say which cells it is about.

    Examples
    --------
    >>> concerning(["a", "b"])
    {'cells': ('a', 'b'), 'n_cells': 2}
    """
    named = tuple(cells)
    return {"cells": named[:SHOWN_CELLS], "n_cells": len(named)}


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, errors first, otherwise in the order given."""
    return tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity)))
