"""Programs that tests need: found, or installed from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def program(installed: Callable[[], Found | None], package: str) -> Found:
    """What is found, if need be after installing; the test is skipped where neither is possible."""
    if (found := installed()) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
        subprocess.run(["apt-get", "update"], **quiet)
        install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(install, env=environment, **quiet)
        found = installed()
    if found is None:
        pytest.skip(f"not here and no right to install it: apt-get install {package}")
    return found
