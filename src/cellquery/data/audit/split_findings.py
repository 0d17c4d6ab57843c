"""Findings about splits: what their parts share."""

from __future__ import annotations

from cellquery.data.audit.duplicates import DuplicateGroup
from cellquery.data.audit.findings import Finding, Severity, concerning
from cellquery.data.audit.leaks import SplitCheck

_REMEDY = "Make a split by specimen: cellquery split PROJECT --by specimen."


def split_findings(split: SplitCheck) -> list[Finding]:
    """Return findings about one split."""
    found = []
    if split.exact:
        found.append(_crossing(split, "exact", split.exact, "error"))
    if split.near:
        found.append(_crossing(split, "near", split.near, "warning"))
    if split.shared_specimens:
        shared, known = len(split.shared_specimens), split.n_specimens
        found.append(
            Finding(
                "split-shares-specimens",
                "warning",
                f"Split {split.name}: {shared} of {known} specimens are in more than one part",
                f"{100 * (split.share_of_cells or 0):.0f} % of its cells have relatives of the "
                "same serum on the other side, so its accuracy holds for known sera only. On "
                "real cells (I3A) one classifier scores 95 % so, and 74 % on unseen specimens.",
                f"{_REMEDY} Report both, the figure on unseen specimens first.",
                numbers={
                    "split": split.name,
                    "n_shared": shared,
                    "n_specimens": known,
                    "share_of_cells": round(split.share_of_cells or 0, 4),
                    "specimens": list(split.shared_specimens[:20]),
                },
            )
        )
    elif split.unknown and len(split.sizes) > 1:
        found.append(
            Finding(
                "split-of-unknown-specimens",
                "warning",
                f"Split {split.name}: the specimen of {len(split.unknown):,} cells is not known",
                "Nobody can tell whether its parts share specimens, so its accuracy may hold for "
                "known sera only.",
                "Find out the specimens and split by them.",
                numbers={"split": split.name},
                **concerning(split.unknown),
            )
        )
    if split.missing:
        words = "; ".join(f"{part} lacks {', '.join(m)}" for part, m in split.missing.items())
        found.append(
            Finding(
                "split-lacks-patterns",
                "warning",
                f"Split {split.name}: not every part has every pattern",
                f"{words}. A pattern that is not trained on is never named, and one that is not "
                "tested has no recall.",
                "Make the split again with another seed, fewer folds, or more specimens of it.",
                numbers={
                    "split": split.name,
                    "missing": {p: list(m) for p, m in split.missing.items()},
                },
            )
        )
    return found


def _crossing(
    split: SplitCheck, kind: str, groups: tuple[DuplicateGroup, ...], severity: Severity
) -> Finding:
    word = "pixel-identical" if kind == "exact" else "near-identical"
    count = "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
    return Finding(
        f"split-shares-{kind}-duplicates",
        severity,
        f"Split {split.name}: {count} of {word} cells in more than one part",
        "The same cell is trained on and tested on: that is remembering, not recognising.",
        f"Keep one cell of each group. {_REMEDY}",
        numbers={"split": split.name, "n_groups": len(groups)},
        **concerning(cell for group in groups for cell in group.cells),
    )
