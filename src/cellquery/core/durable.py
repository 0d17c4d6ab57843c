"""Files that are either whole or absent, whatever interrupts their writing.

On a disk a file is written beside its place and renamed. On a URL it is written to a temporary
folder and then sent: an object store shows an object when all of it has arrived.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

from cellquery.core.errors import ProjectError
from cellquery.core.places import Place, network_faults

if TYPE_CHECKING:
    import pyarrow as pa
    from upath import UPath

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_MEMORY = {errno.ENOMEM, errno.EAGAIN}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(path: Place) -> Iterator[BinaryIO]:
    """Yield a file to write; it takes the place of `path` once all of it is on the disk.

    Raises
    ------
    ProjectError
        When the disk is full or the folder cannot be written; `path` is then as it was.
    """
    if not isinstance(path, Path):
        with sending(path) as file:
            yield file
        return
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


@contextmanager
def sending(url: UPath, *, new: bool = False) -> Iterator[BinaryIO]:
    """Yield a file to write, which is then sent whole to a URL.

    Parameters
    ----------
    url : UPath
    new : bool
        Refuse, at the moment of arrival, to take the place of a file that is there. Object stores
        keep this promise between any number of writers.

    Raises
    ------
    ProjectError
        When it cannot be written here or sent there, or is there already.
    """
    try:
        with TemporaryDirectory(prefix="cellquery-") as folder:
            made = Path(folder) / url.name
            with open(made, "wb") as file:
                yield file
            url.fs.put_file(str(made), url.path, mode="create" if new else "overwrite")
    except FileExistsError as error:
        raise ProjectError(
            url, "was written by another at the same time", "wait for its end and run this again"
        ) from error
    except network_faults() as error:
        raise writing_fault(url, error) from error


def write_json(path: Place, values: Mapping[str, Any]) -> None:
    """Write a JSON file whole.

    Raises
    ------
    ProjectError
        As `replacing` does.
    """
    with replacing(path) as file:
        file.write((json.dumps(values, indent=2) + "\n").encode())


def read_table(path: Place, **options: Any) -> pa.Table:
    """Return a Parquet file, with the options of `pyarrow.parquet.read_table`.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When it cannot be read or is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # PyArrow opens no URL by itself; one request brings a table whole.
    source = path if isinstance(path, Path) else pa.BufferReader(path.read_bytes())
    return pq.read_table(source, **options)


def write_table(path: Place, columns: Mapping[str, Any]) -> None:
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


def scratch(folder: Path, n_bytes: int) -> mmap.mmap:
    """Return so many bytes of a nameless file in a folder, mapped into memory.

    The system keeps of them in memory what it has room for. They are gone with the process.

    Raises
    ------
    ProjectError
        When the folder's disk, a quota or a limit of the process has no room for them.
    """
    try:
        with TemporaryFile(dir=folder) as file:
            # Set aside at once: a disk found full while mapped memory is written kills the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            else:
                file.truncate(n_bytes)
            return mmap.mmap(file.fileno(), n_bytes)
    except OSError as error:
        raise writing_fault(folder, error) from error


def room_for(folder: Path, n_bytes: int) -> int:
    """Return so many bytes, halved until a folder has room for them and a quarter more.

    The room is set aside for a moment: what a disk calls free knows nothing of quotas and limits.
    """
    while n_bytes:
        try:
            scratch(folder, n_bytes + n_bytes // 4).close()
        except ProjectError:
            n_bytes //= 2
        else:
            break
    return n_bytes


def make_folder(path: Place) -> None:
    """Make a folder and those above it, or raise ProjectError."""
    try:
        if not _in_bucket(path):
            path.mkdir(parents=True, exist_ok=True)
    except network_faults() as error:
        raise writing_fault(path, error) from error


def _in_bucket(path: Place) -> bool:
    """Tell whether a place needs no folder: s3fs would make a bucket of any mistyped name."""
    if isinstance(path, Path):
        return False
    from upath.implementations.cloud import CloudPath

    return isinstance(path, CloudPath)


def writing_fault(path: Place, error: Exception) -> ProjectError:
    """Return the error to raise when `path` could not be written."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return ProjectError(
            path,
            "the disk or the quota is full",
            "free some space and run the same command again: what is written already is kept",
        )
    if number in _NO_MEMORY:
        return ProjectError(
            path, "no memory is left to map it", "close other programs or raise the limit (ulimit)"
        )
    if number in _FORBIDDEN:
        return ProjectError(
            path, "cannot be written: it is read-only", "allow writing or choose another folder"
        )
    fault = getattr(error, "strerror", None) or error
    return ProjectError(path, f"cannot be written ({fault})", "choose another folder")


def _sync_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is; Windows cannot open folders and needs not.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
