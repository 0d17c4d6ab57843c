"""The derivative of I3A with class folders of 78 x 78 px cells, split into tra, val and tes.

Each of its cells was contrast-stretched, so the brightness of the original is lost.
"""

from __future__ import annotations

from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.class_folders import class_folder_cells, class_folders
from cellquery.data.readers.contract import Layout, ReaderOptions, Source

NAME = "i3a-folders"

_PARTS = frozenset({"tra", "val", "tes"})


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether there are class folders in parts named tra, val and tes."""
    names = {
        name.lower()
        for folder in class_folders(source)
        for name in (folder.path.name, folder.path.parent.name)
    }
    return len(_PARTS & names) > 1


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells of every class folder, with the derivative's split as the source's own."""
    if not recognises(source, options):
        raise InputError(
            source, "no class folders in tra, val and tes", "or choose another --layout"
        )
    notice = (
        "the cells of this derivative of I3A are contrast-stretched one by one: their brightness "
        "says nothing, so do not mix them with cells that keep theirs"
    )
    return Source(NAME, source, lambda: class_folder_cells(source), (notice,))


LAYOUT = Layout(NAME, "I3A derivative in class folders (tra, val, tes)", recognises, read)
