"""Where things lie: a path on this machine, or a URL of any file system that fsspec knows."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from cellquery.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from upath import UPath

    Place: TypeAlias = Path | UPath
else:
    # UPath offers what pathlib does; it is loaded when the first URL is met.
    Place = Path

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:(:|//)")
_REACH = "check the address, your credentials and the network, and run the same command again"


def path_or_url(text: str | Place) -> Place:
    """Return a path, or the URL that a text is.

    Raises
    ------
    InputError
        When the URL's file system cannot be reached.
    SettingsError
        When it is not known, or the package for it is not installed.

    Examples
    --------
    >>> path_or_url("cells").name
    'cells'
    >>> path_or_url("memory://cells/images").parent.name
    'cells'
    """
    if not isinstance(text, str):
        return text
    if not _URL.match(text):
        return Path(text)
    if "::" in text:
        raise SettingsError(text, "is a chain of URLs", "give the last: shards are kept anyway")
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    from upath import UPath

    try:
        # Listings are asked for anew: other machines write there too.
        url = UPath(text, use_listings_cache=False)
        url.exists()
    except ImportError as error:
        of_s3 = text.startswith(("s3://", "s3a://"))
        remedy = "run: pip install 'cellquery[s3]'" if of_s3 else "pip install it beside cellquery"
        raise SettingsError(text, str(error), remedy) from error
    except ValueError as error:
        raise SettingsError(
            text, str(error), "give a folder or a URL such as s3://BUCKET/NAME"
        ) from error
    except network_faults() as error:
        raise InputError(text, f"cannot be reached ({error})", _REACH) from error
    return url


def local_path(text: str | Place) -> Path:
    """Return a path on this machine.

    Raises
    ------
    SettingsError
        When it is a URL: what is locked, mapped or written line by line cannot lie there.
    """
    if isinstance(text, Path):
        return text
    if isinstance(text, str) and not _URL.match(text):
        return Path(text)
    raise SettingsError(
        text if isinstance(text, str) else str(text),
        "is a URL, and this must lie on a disk of this machine",
        "name a folder; what is there is copied to one, for S3, by: aws s3 sync URL FOLDER",
    )


def matching(folder: Place, pattern: str) -> list[Place]:
    """Return what matches a pattern below a folder, sorted."""
    found: list[Place] = list(folder.glob(pattern))
    return sorted(found, key=str)


@contextmanager
def on_disk(path: Place) -> Iterator[Path]:
    """Yield a file on this machine with the content of `path`: itself, or a copy for the while.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    if isinstance(path, Path):
        yield path
        return
    with TemporaryDirectory(prefix="cellquery-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        yield copy


def network_faults() -> tuple[type[Exception], ...]:
    """Return OSError and what libraries of remote file systems raise in its stead."""
    found: list[type[Exception]] = [OSError]
    for module, names in (
        ("botocore.exceptions", ("BotoCoreError", "ClientError")),
        ("aiohttp", ("ClientError",)),
    ):
        # Only what is loaded can have been raised.
        if module in sys.modules:
            found += [getattr(sys.modules[module], name) for name in names]
    return tuple(found)
