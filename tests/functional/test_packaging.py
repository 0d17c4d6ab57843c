"""The package as a stranger gets it: the wheel alone, outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cellquery import __version__


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_bears_the_version_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"cellquery-{__version__}-py3-none-any.whl"


def test_the_wheel_carries_every_file_of_the_package(names: set[str], repository: Path) -> None:
    source = repository / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in source.glob("cellquery/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files - names == set()


def test_the_wheel_carries_types_templates_and_licence(names: set[str]) -> None:
    assert "cellquery/py.typed" in names
    assert any(name.startswith("cellquery/reports/templates/") for name in names)
    assert f"cellquery-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_wheel_carries_nothing_but_the_package(names: set[str]) -> None:
    rooms = {name.partition("/")[0] for name in names}

    assert rooms == {"cellquery", f"cellquery-{__version__}.dist-info"}


def test_the_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", "site", wheel]
    subprocess.run([sys.executable, "-m", *install], cwd=tmp_path, check=True)
    script = (
        "import sys; sys.path.insert(0, 'site'); import cellquery.cli.app as app; "
        "print(app.__file__); sys.argv[1:] = ['--help']; app.main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    where, *page = ran.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert any("Usage:" in line for line in page)
