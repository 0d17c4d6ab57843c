"""How fast the audit is, and in how much memory.

make bench ONLY=audit
"""

from __future__ import annotations

import resource
import time
from typing import Any

from bench.record import Bench, Line, markdown
from cellquery.data.audit import audit_project
from cellquery.data.synthetic import into_project, synthetic_settings

TITLE = "The audit"
N_CELLS = 6_000


def measure(bench: Bench) -> dict[str, Any]:
    """Audit synthetic cells once."""
    n_cells = 60 if bench.smoke else N_CELLS
    made = synthetic_settings(n_specimens=max(6, n_cells // 30), seed=0)
    project = into_project(n_cells, made, bench.work / f"audit-{n_cells}", workers=bench.threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    audit = audit_project(project)
    seconds = time.perf_counter() - started
    return {
        "cells": n_cells,
        "findings": len(audit.findings),
        "seconds": seconds,
        "memory_mb": [before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024],
    }


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return cells a second."""
    rate = facts["cells"] / facts["seconds"]
    memory = f"{facts['memory_mb'][1]:.0f} MiB"
    return [Line(f"audit of {facts['cells']} cells", f"{rate:.0f} cells/s", memory)]


def table(facts: dict[str, Any]) -> str:
    """Return rate and memory."""
    before, peak = facts["memory_mb"]
    rows = [
        ["audited", f"{facts['cells'] / facts['seconds']:.0f} cells/s"],
        ["memory of the process before, and at most", f"{before:.0f}, {peak:.0f} MiB"],
    ]
    return markdown([f"{facts['cells']} synthetic cells", "value"], rows)
