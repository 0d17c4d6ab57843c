"""An audit as one self-contained page: findings first, then the evidence to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from cellquery.core import title_of
from cellquery.core.places import Place
from cellquery.data import Project
from cellquery.data.audit import SEVERITIES, Audit, Cue, DuplicateGroup, Finding, SplitCheck
from cellquery.reports.figures.audit import cue_overview, likeness_by_distance, property_by_pattern
from cellquery.reports.galleries import (
    SCALING_WORDS,
    GalleryCell,
    GalleryItem,
    Scaling,
    gallery_items,
)
from cellquery.reports.page import Picture, Table, Tile, render_page, write_whole

_SHOWN_GROUPS = 18
_SHOWN_MEMBERS = 4
_SIDE_PX = 96

_SECTION_OF = {
    "cue": "properties",
    "split": "splits",
    "exact": "duplicates",
    "near": "duplicates",
    "specimens": "specimens",
    "few": "patterns",
    "imbalance": "patterns",
    "pattern": "patterns",
    "dominant": "patterns",
}


@dataclass(frozen=True)
class ShownFinding:
    """A finding with the cells it names and the section with its evidence."""

    finding: Finding
    section: str
    what: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ShownGroup:
    """A group of duplicates side by side, and what is wrong with it besides being one."""

    items: list[GalleryItem]
    heading: str
    troubles: tuple[str, ...]


@dataclass(frozen=True)
class ShownGroups:
    """Some of the groups of one kind."""

    title: str
    words: str
    groups: list[ShownGroup]


@dataclass(frozen=True)
class ShownProperty:
    """A property: its distribution and its extreme cells."""

    title: str
    meaning: str
    picture: Picture
    extremes: list[GalleryItem]
    scaling: str


def audit_page(audit: Audit, project: Project) -> str:
    """Return an audit as one HTML page.

    Parameters
    ----------
    audit : Audit
        What was found.
    project : Project
        The project audited, whose cells are shown.
    """
    cells = _Cells(audit, project)
    return render_page(
        "audit_page.html.j2",
        title=f"Audit of {project.name}",
        provenance=_provenance(audit, project),
        synthetic=cells.synthetic,
        tiles=_tiles(audit),
        findings=[_shown(finding) for finding in audit.findings],
        patterns=_patterns(audit),
        duplicates=[
            shown
            for kind, groups in (("exact", audit.exact), ("near", audit.near or ()))
            if (shown := _groups(kind, groups, audit, cells)) is not None
        ],
        near_searched=audit.near is not None,
        scaling=SCALING_WORDS["cell"],
        overview=_overview(audit),
        cues=_cues(audit),
        properties=[_property(cue, audit, cells) for cue in _ranked(audit)],
        constant=[cue.measured.title for cue in audit.cues if not cue.varies],
        order=likeness_by_distance(audit.order).picture() if audit.order else None,
        order_facts=_order_facts(audit),
        splits=_splits(audit.splits),
    )


class _Cells:
    """The cells of the project, ready to be shown."""

    def __init__(self, audit: Audit, project: Project) -> None:
        self._measured = audit.cells
        self._store = project.store()
        self.synthetic = project.is_synthetic

    def items(
        self, ids: Sequence[str], extra: Sequence[tuple[str, ...]], scaling: Scaling
    ) -> list[GalleryItem]:
        """Return the cells as pictures, each with lines of its own below it."""
        shown = []
        for cell_id, lines in zip(ids, extra, strict=True):
            row = self._measured.row_of[cell_id]
            pattern, specimen = self._measured.patterns[row], self._measured.specimens[row]
            known = [title_of(pattern)] if pattern is not None else ["no pattern"]
            known.append(f"cell {cell_id}")
            if specimen is not None:
                known.append(f"specimen {specimen}")
            shown.append(
                GalleryCell(
                    cell_id,
                    self._store.pixels(cell_id),
                    (*known, *lines),
                    pattern=pattern,
                    synthetic=self.synthetic,
                )
            )
        return gallery_items(shown, side_px=_SIDE_PX, scaling=scaling)


def _tiles(audit: Audit) -> list[Tile]:
    cells = audit.cells
    labelled, known = int(cells.labelled.sum()), sum(s is not None for s in cells.specimens)
    tiles = [
        Tile(
            "Findings",
            str(len(audit.findings)),
            ", ".join(f"{audit.count(s)} {s}{'s' * (audit.count(s) != 1)}" for s in SEVERITIES),
            first=True,
        ),
        Tile("Cells", f"{len(cells):,}", f"{labelled:,} with a pattern"),
        Tile(
            "Specimens",
            f"{audit.n_specimens:,}" if audit.n_specimens else "unknown",
            f"known for {known:,} cells",
        ),
        Tile("Identical copies", f"{_surplus(audit.exact):,}", f"in {len(audit.exact):,} groups"),
    ]
    if audit.near is not None:
        near = f"in {len(audit.near):,} groups"
        tiles.append(Tile("Near-identical copies", f"{_surplus(audit.near):,}", near))
    if audit.n_faults:
        tiles.append(Tile("Inputs skipped", f"{audit.n_faults:,}", "at import, see faults.csv"))
    return tiles


def _surplus(groups: Sequence[DuplicateGroup]) -> int:
    return sum(len(group.cells) - 1 for group in groups)


def _shown(finding: Finding) -> ShownFinding:
    kind = finding.code.split("-")[0]
    what = {"unreadable": "input", "cue": "extreme cell"}.get(kind, "cell")
    return ShownFinding(finding, _SECTION_OF.get(kind, ""), what, finding.cells[:12])


def _groups(
    kind: str, groups: Sequence[DuplicateGroup], audit: Audit, cells: _Cells
) -> ShownGroups | None:
    if not groups:
        return None
    crossing: dict[DuplicateGroup, list[str]] = {group: [] for group in groups}
    for split in audit.splits:
        for group in split.exact if kind == "exact" else split.near or ():
            crossing[group].append(split.name)

    def rank(group: DuplicateGroup) -> tuple[bool, bool, bool, float]:
        # the wrong ones first, then the least alike, on which the threshold is judged
        return (
            len(group.patterns) < 2,
            len(group.specimens) < 2,
            not crossing[group],
            group.similarity,
        )

    shown = []
    for group in sorted(groups, key=rank)[:_SHOWN_GROUPS]:
        members = group.cells[:_SHOWN_MEMBERS]
        troubles = []
        if len(group.patterns) > 1:
            troubles.append("different patterns")
        if len(group.specimens) > 1:
            troubles.append("different specimens")
        if crossing[group]:
            troubles.append(f"on both sides of: {', '.join(crossing[group])}")
        heading = "identical" if kind == "exact" else f"similarity {group.similarity:.2f}"
        if len(group.cells) > len(members):
            heading += f", {len(members)} of {len(group.cells)} cells"
        items = cells.items(members, [()] * len(members), "cell")
        shown.append(ShownGroup(items, heading, tuple(troubles)))
    if kind == "exact":
        title, words = "Pixel-identical cells", "Every pixel is the same."
    else:
        title = "Near-identical cells"
        words = (
            "The same cell pictured again, or turned, mirrored or changed in contrast. Similarity "
            "is a correlation of fine detail, best of eight orientations; 1 is the highest. Judge "
            "the threshold by the pairs of the lowest similarity."
        )
    count = (
        f"{len(shown)} of {len(groups):,} groups: those with a trouble first, then the least alike."
    )
    return ShownGroups(title, f"{words} {count}", shown)


def _ranked(audit: Audit) -> list[Cue]:
    return sorted((c for c in audit.cues if c.varies), key=lambda cue: -cue.balanced_accuracy)


def _overview(audit: Audit) -> Picture | None:
    return cue_overview(audit.cues).picture() if _ranked(audit) else None


def _cues(audit: Audit) -> Table | None:
    if not _ranked(audit):
        return None
    rows = []
    for cue in _ranked(audit):
        separation = cue.separation or {}
        best = max(separation, key=separation.__getitem__)
        unseen = "–" if cue.unseen_accuracy is None else f"{100 * cue.unseen_accuracy:.0f} %"
        rows.append(
            (
                cue.measured.title,
                {"file": "the file", "exposure": "exposure", "size": "size"}[cue.measured.kind],
                f"{100 * cue.balanced_accuracy:.0f} ± {100 * cue.margin:.0f} %",
                unseen,
                f"{title_of(best)} ({separation[best]:.2f})",
            )
        )
    head = ("Property", "Kind", "At random", "Unseen specimens", "Sets apart most")
    chance = next((100 * cue.chance for cue in audit.cues if cue.varies), 0.0)
    caption = (
        f"Balanced accuracy of naming the pattern from it alone; guessing gives {chance:.0f} %. In "
        "brackets the probability that it tells a cell of that pattern from another; 0.5 is chance"
    )
    return Table(head, rows, caption, text=(1, 4))


def _property(cue: Cue, audit: Audit, cells: _Cells) -> ShownProperty:
    one, values = cue.measured, audit.cells.properties[cue.measured.name]
    by_pattern = {
        pattern: values[audit.cells.patterns == pattern] for pattern in (cue.medians or {})
    }
    scaling: Scaling = "shared" if one.kind == "exposure" else "cell"
    rows = [audit.cells.row_of[cell_id] for cell_id in cue.extremes]
    lines = [
        (f"{one.title} {_value(one.name, values[row], audit)} {one.unit}".strip(),) for row in rows
    ]
    plate = property_by_pattern(one.title, one.unit, by_pattern, names=_names(one.name, audit))
    return ShownProperty(
        one.title,
        one.meaning,
        plate.picture(),
        cells.items(cue.extremes, lines, scaling),
        SCALING_WORDS[scaling],
    )


def _names(name: str, audit: Audit) -> tuple[str, ...]:
    if name in ("mask", "stretched"):
        return ("no", "yes")
    if name == "file_type":
        return tuple(sorted({PurePosixPath(s).suffix.lower() for s in audit.cells.sources}))
    return ()


def _value(name: str, value: float, audit: Audit) -> str:
    names = _names(name, audit)
    return names[int(value)] if names else f"{value:.4g}"


def _patterns(audit: Audit) -> Table:
    rows = [
        (
            title_of(one.pattern),
            f"{one.n_cells:,}",
            f"{one.n_specimens:,}" if audit.n_specimens else "unknown",
            f"{100 * one.largest_specimen / one.n_cells:.0f} %" if one.n_specimens else "–",
        )
        for one in audit.patterns
    ]
    unlabelled = int((~audit.cells.labelled).sum())
    if unlabelled:
        rows.append(("no pattern", f"{unlabelled:,}", "–", "–"))
    return Table(("Pattern", "Cells", "Specimens", "Share of the largest specimen"), rows)


def _order_facts(audit: Audit) -> dict[str, str]:
    order = audit.order
    if order is None:
        return {}
    facts = {
        "neighbours": f"{order.likeness:.2f} times as alike as random cells of their pattern",
        "p-value": f"{order.p_value:.3f}, by shuffling the order within each pattern",
        "cells compared": f"{order.n_cells:,}",
    }
    if order.run_length is not None:
        n_runs = max(1, round(order.n_cells / order.run_length))
        facts["suggests"] = (
            f"runs of about {order.run_length} cells, in the order of {n_runs} specimens"
        )
    facts["known specimens"] = f"{audit.n_specimens:,}" if audit.n_specimens else "none"
    return facts


def _splits(splits: Sequence[SplitCheck]) -> Table | None:
    if not splits:
        return None
    rows = []
    for split in splits:
        share = (
            "" if split.share_of_cells is None else f", {100 * split.share_of_cells:.0f} % of cells"
        )
        specimens = f"{len(split.shared_specimens)} of {split.n_specimens}{share}"
        rows.append(
            (
                split.name,
                "; ".join(f"{part} {size:,}" for part, size in split.sizes.items()),
                specimens if split.n_specimens else "unknown",
                f"{len(split.exact):,}",
                "–" if split.near is None else f"{len(split.near):,}",
            )
        )
    head = ("Split", "Parts", "Specimens shared", "Identical across", "Near-identical across")
    return Table(head, rows, "What the parts of each split share", text=(1,))


def _provenance(audit: Audit, project: Project) -> dict[str, object]:
    imported = [
        f"{s.get('path')} ({s.get('layout')}, {s.get('imported')})" for s in project.sources
    ]
    bits = np.unique(audit.cells.properties["bit_depth"]).astype(int)
    return {
        "project": project.path,
        "audited": audit.made,
        "took": f"{audit.seconds:.0f} s",
        "sources": "; ".join(imported) or "–",
        "cells": f"{len(audit.cells):,}, {' and '.join(map(str, bits))} bit",
    }


def write_audit(path: str | Place, audit: Audit) -> Place:
    """Write the findings and figures of an audit as JSON and return the path.

    Raises
    ------
    CellqueryError
        When the file cannot be written.
    """
    text = json.dumps(audit.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    return write_whole(path, f"{text}\n".encode())
