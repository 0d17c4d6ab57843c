"""Readers of every published layout and of plain folders and tables, one file each.

A reader turns a folder or a table into a :class:`~cellquery.data.readers.contract.Source`, which
yields cells in a stable order without reading any image.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers import (
    class_folders,
    i3a,
    i3a_folders,
    icpr2012,
    lshep2,
    plain_folder,
    snphep2,
    table,
)
from cellquery.data.readers.contract import Columns, Layout, ReaderOptions, Source

__all__ = [
    "LAYOUTS",
    "Columns",
    "Layout",
    "ReaderOptions",
    "Source",
    "detect_layout",
    "open_source",
]

# From the most particular to the most general: the first that recognises a source reads it.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        lshep2.LAYOUT,
        icpr2012.LAYOUT,
        i3a.LAYOUT,
        i3a_folders.LAYOUT,
        snphep2.LAYOUT,
        table.LAYOUT,
        class_folders.LAYOUT,
        plain_folder.LAYOUT,
    )
}


def detect_layout(source: str | Path, options: ReaderOptions | None = None) -> str:
    """Return the name of the layout of a folder or table, a key of ``LAYOUTS``.

    Raises
    ------
    InputError
        When there is no such folder or file, or it holds nothing that can be imported.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(source, "no such folder or file", "check the path")
    for layout in LAYOUTS.values():
        if layout.recognises(source, options or ReaderOptions()):
            return layout.name
    raise InputError(
        source,
        "no image and no table of images in it",
        f"give a folder or table, or force a layout with --layout ({', '.join(LAYOUTS)})",
    )


def open_source(
    source: str | Path, layout: str | None = None, options: ReaderOptions | None = None
) -> Source:
    """Return the cells of a folder or table, by the named layout or the one that fits.

    Raises
    ------
    InputError
        When the source is not there, or not of that layout, or the layout is not known; and when
        it passes for a plain folder, and a table in it, which may hold labels, cannot be read.
    """
    options = options or ReaderOptions()
    name = layout or detect_layout(source, options)
    if name not in LAYOUTS:
        raise InputError(f"layout {name!r}", "not known", f"choose one of {', '.join(LAYOUTS)}")
    if not Path(source).exists():
        raise InputError(source, "no such folder or file", "check the path")
    opened = LAYOUTS[name].read(Path(source), options)
    if name == plain_folder.NAME and layout is None and options.labelled:
        return replace(opened, notices=plain_folder.not_used(Path(source), options.annotations))
    return opened
