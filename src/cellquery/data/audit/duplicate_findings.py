"""Findings about cells that are in the project twice."""

from __future__ import annotations

from collections.abc import Sequence

from cellquery.data.audit.duplicates import DuplicateGroup
from cellquery.data.audit.findings import Finding, Severity, concerning

_WHAT = {
    "exact": (
        "pixel-identical",
        "Every pixel is the same: one image was entered more than once, under other ids.",
    ),
    "near": (
        "near-identical",
        "They are the same cell pictured again (overlapping fields, another exposure) or a turned, "
        "mirrored or contrast-changed copy. A few may be two cells that resemble each other: look "
        "at the pairs.",
    ),
}


def duplicate_findings(
    exact: Sequence[DuplicateGroup], near: Sequence[DuplicateGroup]
) -> list[Finding]:
    """Return findings about groups of exact and of near duplicates."""
    return [*_of_kind("exact", exact), *_of_kind("near", near)]


def _of_kind(kind: str, groups: Sequence[DuplicateGroup]) -> list[Finding]:
    if not groups:
        return []
    word, meaning = _WHAT[kind]
    surplus = sum(len(group.cells) - 1 for group in groups)
    found = [
        Finding(
            f"{kind}-duplicates",
            "warning" if kind == "exact" else "note",
            f"{surplus:,} {word} {'copy' if surplus == 1 else 'copies'} in {_groups(groups)}",
            f"{meaning} Copies weigh a cell double, and one that is trained on and tested on too "
            "is counted as right without having been recognised.",
            "Keep one of each group, or split by specimen so that copies stay together.",
            numbers={"n_groups": len(groups), "n_surplus": surplus},
            **concerning(cell for group in groups for cell in group.cells),
        )
    ]
    labels: Severity = "error" if kind == "exact" else "warning"
    conflicting = [group for group in groups if len(group.patterns) > 1]
    if conflicting:
        found.append(
            Finding(
                f"{kind}-duplicates-with-different-labels",
                labels,
                f"{_groups(conflicting)} of {word} cells with different patterns",
                "The same cell is called different things, for example "
                f"{' and '.join(conflicting[0].patterns)}: at least one label is wrong, and no "
                "classifier can be right about both.",
                "Look at each group and decide on one label, or leave its cells out.",
                numbers={"n_groups": len(conflicting)},
                **concerning(cell for group in conflicting for cell in group.cells),
            )
        )
    torn = [group for group in groups if len(group.specimens) > 1]
    if torn:
        found.append(
            Finding(
                f"{kind}-duplicates-across-specimens",
                "warning",
                f"{_groups(torn)} of {word} cells from different specimens",
                "One cell cannot come from two sera. Either the specimens are wrong, or they are "
                "one specimen under two names; a split by specimen would then not keep them apart.",
                "Check the table of specimens for these cells.",
                numbers={"n_groups": len(torn)},
                **concerning(cell for group in torn for cell in group.cells),
            )
        )
    return found


def _groups(groups: Sequence[DuplicateGroup]) -> str:
    return "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
