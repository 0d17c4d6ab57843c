"""The audit of a project: measure, compare, judge."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cellquery import __version__
from cellquery.core import RESEARCH_USE_ONLY, Progress, ProjectError, silent
from cellquery.core.places import Place
from cellquery.data.audit.class_findings import PatternCount, class_findings, count_patterns
from cellquery.data.audit.cue_findings import cue_findings
from cellquery.data.audit.cues import Cue, technical_cues
from cellquery.data.audit.duplicate_findings import duplicate_findings
from cellquery.data.audit.duplicates import (
    NEAR_DUPLICATE,
    DuplicateGroup,
    exact_duplicates,
    near_duplicates,
)
from cellquery.data.audit.file_order import PERMUTATIONS, FileOrder, file_order
from cellquery.data.audit.findings import SEVERITIES, Finding, Severity, by_severity
from cellquery.data.audit.image_findings import image_findings
from cellquery.data.audit.leaks import SplitCheck, check_split
from cellquery.data.audit.measurements import Measurements, measure
from cellquery.data.audit.specimen_findings import specimen_findings
from cellquery.data.audit.split_findings import split_findings
from cellquery.data.faults import read_faults
from cellquery.data.project import Project

FORMAT = 1
"""The format of ``audit.json``; docs/audit.md describes it."""

_LISTED_GROUPS = 500
_QUICK_PERMUTATIONS = 99


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    project : Path or UPath
        The project's directory.
    cells : Measurements
        What was measured of each cell.
    patterns : tuple of PatternCount
        Cells and specimens of every pattern of the class list.
    n_faults : int
        Inputs that could not be imported.
    exact, near : tuple of DuplicateGroup
        Groups of cells that are the same; `near` is None where it was not looked for.
    cues : tuple of Cue
        What each technical property gives away.
    order : FileOrder or None
        How alike neighbours in the file list are.
    splits : tuple of SplitCheck
        The splits looked at.
    findings : tuple of Finding
        What to know before training, errors first.
    seconds : float
        How long it took.
    made : str
        When, as ISO 8601 in UTC.
    """

    project: Place
    cells: Measurements
    patterns: tuple[PatternCount, ...]
    n_faults: int
    exact: tuple[DuplicateGroup, ...]
    near: tuple[DuplicateGroup, ...] | None
    cues: tuple[Cue, ...]
    order: FileOrder | None
    splits: tuple[SplitCheck, ...]
    findings: tuple[Finding, ...]
    seconds: float
    made: str

    @property
    def n_specimens(self) -> int:
        """Known specimens."""
        return len({specimen for specimen in self.cells.specimens if specimen is not None})

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def reaches(self, severity: Severity) -> bool:
        """Return whether any finding is as severe as this or more."""
        severe = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(finding.severity in severe for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``audit.json``."""
        near = None if self.near is None else [g.to_json() for g in self.near[:_LISTED_GROUPS]]
        return {
            "format": FORMAT,
            "notice": RESEARCH_USE_ONLY,
            "cellquery": __version__,
            "made": self.made,
            "seconds": round(self.seconds, 1),
            "n_cells": len(self.cells),
            "n_labelled": int(self.cells.labelled.sum()),
            "n_specimens": self.n_specimens,
            "n_skipped_inputs": self.n_faults,
            "findings": [finding.to_json() for finding in self.findings],
            "patterns": [one.to_json() for one in self.patterns],
            "duplicates": {
                "threshold": NEAR_DUPLICATE,
                "n_exact": len(self.exact),
                "n_near": None if self.near is None else len(self.near),
                "exact": [group.to_json() for group in self.exact[:_LISTED_GROUPS]],
                "near": near,
            },
            "properties": [cue.to_json() for cue in self.cues],
            "file_order": None if self.order is None else self.order.to_json(),
            "splits": [split.to_json() for split in self.splits],
        }


def audit_project(
    project: Project,
    *,
    split: str | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Audit:
    """Return what a project's user should know before training.

    Nothing is written and no image is changed. Each image is read once; 13,000 cells take about
    a quarter of a minute on one core, and memory is about 25 kB a cell.

    Parameters
    ----------
    project : Project
        The project.
    split : str, optional
        The one split to look at, instead of all.
    quick : bool
        Leave out near duplicates, whose search grows with the square of the number of cells.
    progress : Progress
        Told of the cells measured and compared.

    Raises
    ------
    ProjectError
        When the project holds no cell or has no such split.
    """
    started = time.perf_counter()
    names = project.split_names if split is None else (split,)
    parts = {name: project.split(name) for name in names}
    manifest = project.manifest()
    faults = read_faults(project.path)
    if not manifest.num_rows:
        raise ProjectError(
            project.path,
            "holds no cell",
            "import some with: cellquery import SOURCE --into PROJECT",
        )
    cells = measure(manifest, project.store(), progress)
    counts = count_patterns(cells, project.patterns)
    exact = exact_duplicates(cells)
    near = None if quick else near_duplicates(cells, progress=progress)
    cues = technical_cues(cells, project.patterns)
    order = file_order(cells, _QUICK_PERMUTATIONS if quick else PERMUTATIONS)
    checks = [
        check_split(name, parts[name], project.about_split(name), cells, exact, near)
        for name in names
    ]
    findings = [
        *image_findings(cells, faults),
        *duplicate_findings(exact, near or ()),
        *(finding for check in checks for finding in split_findings(check)),
        *cue_findings(cues),
        *class_findings(cells, counts),
        *specimen_findings(cells, counts, order),
    ]
    return Audit(
        project=project.path,
        cells=cells,
        patterns=tuple(counts),
        n_faults=len(faults),
        exact=tuple(exact),
        near=None if near is None else tuple(near),
        cues=tuple(cues),
        order=order,
        splits=tuple(checks),
        findings=by_severity(findings),
        seconds=time.perf_counter() - started,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
