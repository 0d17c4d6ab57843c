"""What every test may ask for: the real cells, and the command line as a process."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings

if TYPE_CHECKING:
    from upath import UPath

    from cellquery.data import Project

# Before anything imports torch or matplotlib, and inherited by the commands that tests start. One
# thread: `make test` runs two tests at a time, and their networks are small.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(MPLBACKEND="Agg", NO_COLOR="1", COLUMNS="100")

# A busy machine is no fault of the code: properties are judged by what they say, not by the clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

_NUMBERS = itertools.count()

# The files that take longest, begun first: else one process would end with one of them while the
# other has nothing left to do.
LONG = (
    "functional/test_annotation_page.py",
    "functional/test_cluster.py",
    "functional/test_bench.py",
    "functional/test_bench_parts.py",
    "training/test_onnx_file.py",
    "training/test_together.py",
    "campaign/test_kill.py",
    "campaign/test_engine.py",
    "experiments/test_cases.py",
    "campaign/test_estimate.py",
)

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, the others after them in their order."""
    place = {REPOSITORY / "tests" / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def i3a() -> Path:
    """The folder of the real I3A cells; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CELLQUERY_I3A", REPOSITORY.parent / "shared" / "data" / "i3a"))
    if not (folder / "gt_training.csv").is_file():
        pytest.skip(f"no I3A cells in {folder}; name their folder in CELLQUERY_I3A")
    return folder


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function that mounts a disk of so many bytes and returns its folder, for root alone."""
    disk = tmp_path / "disk"

    def mount(n_bytes: int) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", disk]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no small disk can be mounted here")
        return disk

    yield mount
    # Lazy: files that the test has mapped into memory keep the disk busy.
    subprocess.run(["umount", "--lazy", disk], capture_output=True, check=False)


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `cellquery ARGUMENTS` as a process and returns what came of it."""
    from tests.processes import cellquery

    return cellquery


@pytest.fixture(scope="session")
def in_repository(repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `python ARGUMENTS` in the repository and returns what came of it."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "ignore", *map(str, arguments)],
            cwd=repository,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def synthetic_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 96 synthetic cells, 12 specimens, split at random; not to be changed."""
    from cellquery.data import random_split
    from cellquery.data.synthetic import into_project, synthetic_settings

    path = tmp_path_factory.mktemp("synthetic") / "cells"
    project = into_project(96, synthetic_settings(n_specimens=12, seed=1), path)
    manifest = project.manifest()
    ids, patterns = (manifest[name].to_pylist() for name in ("cell_id", "pattern"))
    project.save_split(
        "random", random_split(ids, patterns, fraction=0.25, seed=0), {"kind": "random", "seed": 0}
    )
    return path


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory, synthetic_project: Path) -> Project:
    """Forty of the synthetic cells in four shards, eight of each without a pattern."""
    import pyarrow as pa

    from cellquery.data import Project
    from cellquery.data.shards import ShardWriter

    given = Project.open(synthetic_project)
    project = Project.create(tmp_path_factory.mktemp("sharded") / "cells", given.patterns)
    with pa.memory_map(str(synthetic_project / "images" / "part-00000.arrow")) as source:
        rows = pa.ipc.open_file(source).read_all().to_pylist()
    writer = ShardWriter(project.path / "images")
    for number, row in enumerate(rows[:40]):
        writer.add(row | {"pattern": row["pattern"] if number % 10 < 2 else None})
        if number % 10 == 9:
            writer.flush()
    return project


@pytest.fixture(scope="session")
def paint() -> Callable[..., Path]:
    """A function that writes an image of noise that its seed decides, and returns its path."""
    import numpy as np
    from PIL import Image

    def paint(
        path: Path, seed: int = 0, *, size: tuple[int, int] = (20, 24), highest: int = 255
    ) -> Path:
        counts = np.random.default_rng(seed).integers(0, highest, size, endpoint=True)
        counts[0, 0] = highest
        path.parent.mkdir(parents=True, exist_ok=True)
        depth = np.uint8 if highest < 256 else np.uint16
        Image.fromarray(counts.astype(depth)).save(path, compress_level=1)
        return path

    return paint


@pytest.fixture(scope="session")
def paint_many(paint: Callable[..., Path]) -> Callable[..., Path]:
    """A function that fills a folder with numbered cells, of which a hundred differ."""

    def paint_many(folder: Path, n_cells: int, *, side: int = 8) -> Path:
        for number in range(n_cells):
            path = folder / f"{number}.png"
            if number < 100:
                paint(path, number, size=(side, side))
            else:
                os.link(folder / f"{number % 100}.png", path)
        return folder

    return paint_many


@pytest.fixture(scope="session")
def case_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two hundred synthetic cells in the parts initial, pool and test."""
    from cellquery.data.synthetic import into_project, synthetic_settings

    path = tmp_path_factory.mktemp("cases") / "cells"
    made = into_project(200, synthetic_settings(n_specimens=24, seed=1), path)
    ids, of = (made.manifest()[name].to_pylist() for name in ("cell_id", "specimen"))
    # A specimen's cells stand together, and the initial learning must not meet one of the pool.
    initial, pool = of.index("S006"), of.index("S020")
    parts = {"initial": ids[:initial], "pool": ids[initial:pool], "test": ids[pool:]}
    made.save_split("parts", parts, {})
    return made


@pytest.fixture(scope="session")
def once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that returns a folder, made by one of the processes that share the tests."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def once(name: str, make: Callable[[Path], object]) -> Path:
        folder, begun = root / name, root / f"{name}-begun"
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                shutil.rmtree(begun, ignore_errors=True)
                make(begun)
                begun.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def case_study(case_project: Project, once: Callable[..., Path]) -> Path:
    """The run directories of a finished study of the four cases; not to be changed."""
    from cellquery.experiments import CaseStudy, run_case_study

    from .case_study import STUDY

    study = CaseStudy(**STUDY)
    return once("studies", lambda into: run_case_study(study, case_project, into)) / study.name


@pytest.fixture(scope="session")
def annotated_project(synthetic_project: Path, once: Callable[..., Path]) -> Path:
    """A project whose annotation has come to its end, moved since; not to be changed."""
    from cellquery.data import Project

    from .annotated import annotate

    def make(project: Path) -> None:
        annotate(Project.open(shutil.copytree(synthetic_project, project)))

    return once("moved", make)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    from tests import databases

    # A socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with databases.server(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an empty bucket on an S3-compatible server, for this process and its children."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            environment.setenv(name, value)
        import s3fs

        s3fs.S3FileSystem(use_listings_cache=False).mkdir("cells")
        yield "s3://cells"
    server.stop()


@pytest.fixture(params=["disk", "memory", "s3"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path | UPath:
    """An empty place on a disk, in memory and on an S3 server in turn, and an empty cache."""
    from cellquery.core.places import path_or_url

    monkeypatch.setenv("CELLQUERY_CACHE", str(tmp_path / "cache"))
    if request.param == "disk":
        return tmp_path
    above = "memory://cells" if request.param == "memory" else request.getfixturevalue("s3")
    return path_or_url(f"{above}/{next(_NUMBERS)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, SQLite and PostgreSQL in turn."""
    import sqlalchemy as sql

    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'labels.sqlite'}"
    server = request.getfixturevalue("postgresql")
    name = f"t{next(_NUMBERS)}"
    engine = sql.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    # A schema and not a database: those are a thousand files each, slow to make and to remove.
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"
