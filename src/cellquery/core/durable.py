"""Files that are either whole or absent, whatever interrupts their writing."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from cellquery.core.errors import ProjectError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it takes the place of `path` once all of it is on the disk.

    Raises
    ------
    ProjectError
        When the disk is full or the folder cannot be written; `path` is then as it was.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise writing_fault(path, error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file whole.

    Raises
    ------
    ProjectError
        As `replacing` does.
    """
    with replacing(path) as file:
        file.write((json.dumps(values, indent=2) + "\n").encode())


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write a Parquet file whole, in a folder made for it where there is none.

    Raises
    ------
    ProjectError
        As `replacing` does.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    make_folder(path.parent)
    with replacing(path) as file:
        pq.write_table(pa.table(dict(columns)), file)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, or raise ProjectError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_fault(path, error) from error


def writing_fault(path: Path, error: OSError) -> ProjectError:
    """Return the error to raise when `path` could not be written."""
    if error.errno in _FULL:
        return ProjectError(
            path,
            "the disk or the quota is full",
            "free some space and run the same command again: what is written already is kept",
        )
    if error.errno in _FORBIDDEN:
        return ProjectError(
            path, "cannot be written: it is read-only", "allow writing or choose another folder"
        )
    return ProjectError(
        path, f"cannot be written ({error.strerror or error})", "choose another folder"
    )


def _sync_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is; Windows cannot open folders and needs not.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
