"""How much memory a training takes at most."""

from __future__ import annotations

import re
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")


def forget_peak(device: torch.device) -> None:
    """Start to look for the highest use of memory anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_mb(device: torch.device) -> float | None:
    """Return the highest use since `forget_peak` in megabytes; None where it is not known.

    On a GPU what torch held there; else the memory of the whole process, prepared cells and
    libraries included, which Linux alone tells.
    """
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    try:
        status = (_PROCESS / "status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return round(int(found[1]) * 1024 / 1e6, 1) if found else None
