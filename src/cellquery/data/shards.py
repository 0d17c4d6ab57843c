"""The files of an image store: their names, and each as it was when the store was opened.

Shards of at most 2,048 cells are uncompressed Arrow IPC files, ``part-00000.arrow`` onwards, each
written whole or not at all. The cells of a shard and their pixels never change once written, so an
interrupted import goes on after the last one; what is known of the cells may, see
:mod:`~cellquery.data.amending`. ``manifest.parquet`` tells, in its metadata, the shards of every
finished import with their cells, bytes and SHA-256.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.core import ProjectError
from cellquery.core.durable import make_folder, replacing, sending
from cellquery.core.places import Place, network_faults
from cellquery.data.records import MANIFEST_SCHEMA
from cellquery.data.shard_cache import mapped_copy

SHARD_CELLS = 2048
SHARD_BYTES = 64 * 2**20

STORE_SCHEMA: pa.Schema = pa.schema(
    [
        *MANIFEST_SCHEMA,
        pa.field("pixels", pa.large_binary(), nullable=False),
        pa.field("mask_bits", pa.large_binary()),
    ]
)

# What tells one writing of a file from another, where the file system has it: best first.
_VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "modified", "created")
_RESTORE = "restore it or import its source again"
_DELETE = "delete it and import the source again"


@dataclass(frozen=True)
class Shard:
    """One file of an image store, as it was when the store was opened.

    Attributes
    ----------
    path : Path or UPath
    n_bytes : int
    version : str
        Another one when the file is written anew: the time of writing, or an object's ETag.
    n_cells : int or None
        As the manifest tells; None when it does not.
    sha256 : str or None
        Likewise.
    """

    path: Place
    n_bytes: int
    version: str
    n_cells: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def on_url(self) -> bool:
        """Whether it is read through a copy."""
        return not isinstance(self.path, Path)

    def read(self, columns: list[str]) -> pa.Table:
        """Return columns of `STORE_SCHEMA`, mapped into memory.

        Raises
        ------
        ProjectError
            When the file is missing, damaged, or not what it was.
        """
        mapped = self.mapped()
        try:
            # Asked to read some fields alone, Arrow copies the file: chosen afterwards, nothing is.
            table = pa.ipc.open_file(mapped).read_all().select(columns)
            # A damaged offset would have pixels read from outside the file.
            table.validate(full=True)
            return table
        except (pa.ArrowInvalid, KeyError, OSError) as error:
            raise ProjectError(self.path, f"damaged shard ({error})", _DELETE) from error

    def mapped(self) -> pa.MemoryMappedFile:
        """Return the file, or of one on a URL the copy on this machine, mapped into memory."""
        if not isinstance(self.path, Path):
            seen = f"{self.path} {self.n_bytes} {self.version}".encode()
            key = self.sha256 or hashlib.sha256(seen).hexdigest()
            return mapped_copy(key, self.n_bytes, self._fetch)
        self.check()
        return pa.memory_map(str(self.path))

    def digest(self) -> str:
        """Return the SHA-256 of the file, as told or as it is."""
        return self.sha256 or hashlib.sha256(self.mapped().read_buffer()).hexdigest()

    def check(self) -> None:
        """Raise ProjectError when the file is gone or is not what it was."""
        now = None
        try:
            if isinstance(self.path, Path):
                now = Shard(self.path, *_local_version(self.path.stat()))
            else:
                now = Shard(self.path, *_version(self.path.fs.info(self.path.path)))
        except FileNotFoundError:
            pass
        except network_faults() as error:
            raise _unreachable(self.path, error) from error
        self.compare(now)

    def compare(self, now: Shard | None) -> None:
        """Raise ProjectError when the file as found `now`, or not, is not what it was."""
        if now is None:
            raise ProjectError(self.path, "missing shard", _RESTORE)
        if (now.n_bytes, now.version) != (self.n_bytes, self.version):
            raise ProjectError(
                self.path,
                "shard was changed while it was in use",
                "run this again when nobody writes to it",
            )

    def _fetch(self, copy: Path) -> None:
        """Copy it from its URL; what arrives must be what was imported."""
        assert not isinstance(self.path, Path)
        self.check()
        try:
            self.path.fs.get_file(self.path.path, str(copy))
        except network_faults() as error:
            if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise _unreachable(self.path, error) from error
        if self.sha256 is None:
            return
        with open(copy, "rb") as file:
            arrived = hashlib.file_digest(file, "sha256").hexdigest()
        if arrived != self.sha256:
            raise ProjectError(self.path, "damaged shard (not what was imported)", _DELETE)


class ShardWriter:
    """Collects rows of ``STORE_SCHEMA`` and writes them as shards, in the order they come.

    Attributes
    ----------
    written : dict of str to str
        The SHA-256 of each shard that it wrote, by its name.
    """

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        make_folder(folder)
        existing = found_shards(folder)
        self._next = int(existing[-1].path.stem.removeprefix("part-")) + 1 if existing else 0
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self.written: dict[str, str] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Take one cell; writes a shard when it makes one full."""
        self._rows.append(row)
        self._bytes += len(row["pixels"])
        if len(self._rows) == SHARD_CELLS or self._bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the cells collected so far; ProjectError when the disk is full.

        On a URL, where no lock holds, a shard that another import wrote meanwhile is not replaced
        but stops this one.
        """
        if not self._rows:
            return
        path = self._folder / f"part-{self._next:05}.arrow"
        self.written[path.name] = write_shard(path, self._rows, new=True)
        self._next += 1
        self._rows = []
        self._bytes = 0


def write_shard(path: Place, rows: list[dict[str, Any]], *, new: bool = False) -> str:
    """Write rows of ``STORE_SCHEMA`` as one shard, and return its SHA-256.

    Raises
    ------
    ProjectError
        When it cannot be written; or is `new`, lies on a URL, and is there already.
    """
    batch = pa.RecordBatch.from_pylist(rows, schema=STORE_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, STORE_SCHEMA) as shard:
        shard.write_batch(batch)
    content = sink.getvalue()
    with replacing(path) if isinstance(path, Path) else sending(path, new=new) as file:
        file.write(content)
    sha256 = hashlib.sha256(content).hexdigest()
    if not isinstance(path, Path):
        # What was sent need not come back for the manifest, or for a training right after.
        mapped_copy(sha256, content.size, lambda copy: copy.write_bytes(content))
    return sha256


def shards_of(folder: Place, *, mending: bool = False) -> list[Shard]:
    """Return the shards of a store, in the order they were written.

    Parameters
    ----------
    folder : Path or UPath
        The project's ``images`` folder.
    mending : bool
        Pass over shards that are missing, as an import does, which brings their cells again.

    Raises
    ------
    ProjectError
        When one that a finished import wrote is missing or of another size.
    """
    found = {shard.name: shard for shard in found_shards(folder)}
    for name, told in told_shards(folder).items():
        shard = found.get(name)
        if shard is None:
            if mending:
                continue
            raise ProjectError(folder / name, "missing shard", _RESTORE)
        if shard.n_bytes != told["bytes"]:
            fault = f"damaged shard ({shard.n_bytes} bytes of {told['bytes']})"
            raise ProjectError(shard.path, fault, _DELETE)
        found[name] = replace(shard, n_cells=told["cells"], sha256=told["sha256"])
    return list(found.values())


def found_shards(folder: Place) -> list[Shard]:
    """Return the shards that lie in an images folder, whatever the manifest tells."""
    try:
        if isinstance(folder, Path):
            names = [name for name in os.listdir(folder) if _is_shard(name)]
            found = {name: _local_version((folder / name).stat()) for name in names}
        else:
            infos = folder.fs.ls(folder.path, detail=True)
            named = {info["name"].rpartition("/")[2]: info for info in infos}
            found = {name: _version(info) for name, info in named.items() if _is_shard(name)}
    except (FileNotFoundError, NotADirectoryError):
        return []
    except network_faults() as error:
        raise _unreachable(folder, error) from error
    return [Shard(folder / name, *found[name]) for name in sorted(found)]


def told_shards(folder: Place) -> dict[str, dict[str, Any]]:
    """Return what the manifest tells of each shard: ``cells``, ``bytes`` and ``sha256``.

    Manifests written by cellquery 0.1 tell nothing.
    """
    manifest = folder.parent / "manifest.parquet"
    try:
        with manifest.open("rb") as file:
            return told_in(pq.read_metadata(file))
    except (FileNotFoundError, pa.ArrowInvalid):
        return {}
    except network_faults() as error:
        raise _unreachable(manifest, error) from error


def told_in(manifest: pq.FileMetaData) -> dict[str, dict[str, Any]]:
    """Return the same of the footer of a manifest."""
    return dict(json.loads((manifest.metadata or {}).get(b"shards", b"{}")))


def _is_shard(name: str) -> bool:
    return name.startswith("part-") and name.endswith(".arrow")


def _local_version(stat: os.stat_result) -> tuple[int, str]:
    return stat.st_size, str(stat.st_mtime_ns)


def _version(info: Mapping[str, Any]) -> tuple[int, str]:
    known = next((info[key] for key in _VERSIONS if info.get(key) is not None), "")
    # The file system in memory tells a time as a number in listings, as a date elsewhere.
    return int(info["size"]), str(known.timestamp() if isinstance(known, datetime) else known)


def _unreachable(path: Place, error: Exception) -> ProjectError:
    return ProjectError(
        path, f"cannot be read ({error})", "run the same command again: nothing was lost"
    )
