"""The built page ships with the package and is that of the sources."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cellquery.web.app import STATIC


def test_the_built_page_is_current(repository: Path) -> None:
    folder = repository / "frontend"
    names = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.js"]
    names += [f"src/{path.name}" for path in (folder / "src").iterdir()]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(f"{name}\0".encode() + (folder / name).read_bytes())
    kept = (STATIC / "sources.sha256").read_text().strip()
    assert kept == digest.hexdigest(), "the page is older than its sources: run make page"


def test_every_file_that_the_page_names_is_there_and_no_other() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    named = set(re.findall(r'(?:src|href)="/assets/([^"]+)"', page))
    assert named == {path.name for path in (STATIC / "assets").iterdir()}
    assert not re.search(r'(?:src|href)="https?:', page)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for file in (STATIC / "assets").iterdir():
        hosts = set(re.findall(r"https?://([\w.-]+)", file.read_text("utf-8")))
        assert hosts <= {"www.w3.org"}, file.name


def test_building_again_gives_the_same_files(repository: Path, tmp_path: Path) -> None:
    folder = repository / "frontend"
    if shutil.which("npx") is None or not (folder / "node_modules").is_dir():
        pytest.skip("no Node.js, or its packages are not installed: make page")
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(folder, tmp_path / "frontend", ignore=ignored)
    (tmp_path / "frontend" / "node_modules").symlink_to(folder / "node_modules")
    subprocess.run(
        ["npm", "run", "--silent", "build"],
        cwd=tmp_path / "frontend",
        check=True,
        capture_output=True,
    )
    built = tmp_path / "src" / "cellquery" / "web" / "static"
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            assert (built / path.relative_to(STATIC)).read_bytes() == path.read_bytes()
