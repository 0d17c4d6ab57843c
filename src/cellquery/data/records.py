"""What is known of a cell: the manifest's columns, and what a reader yields before importing."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

MANIFEST_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("cell_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("pattern", pa.string()),
        pa.field("specimen", pa.string()),
        pa.field("intensity", pa.string()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("channels", pa.int8(), nullable=False),
        pa.field("bit_depth", pa.int8(), nullable=False),
        pa.field("content_bits", pa.int8(), nullable=False),
        pa.field("mask", pa.bool_(), nullable=False),
    ]
)
"""One row a cell. ``cell_id`` is unique in a project; ``source`` is the image's path relative to
the imported source, with forward slashes; ``digest`` the SHA-256 of the image file, in hex;
``pattern`` a canonical name, ``specimen`` any text, ``intensity`` "positive" or "intermediate",
each null when not known; ``width`` and ``height`` in pixels; ``channels`` 1 or 3; ``bit_depth``
that of the file, 8 or 16; ``content_bits`` the bits that the counts really use."""


@dataclass(frozen=True, slots=True)
class SourceCell:
    """One cell as a reader finds it, before its image is read.

    Attributes
    ----------
    cell_id : str
        The identifier within the source.
    path : str
        The image file.
    mask_path : str or None
        The mask file, where there is one.
    pattern, specimen, intensity : str or None
        As the source spells them; None when it does not say.
    part : str or None
        The part of the source's own split, "train", "validation" or "test".
    origin : str or None
        Where the source names this cell, such as ``labels.csv line 12``, for messages.
    """

    cell_id: str
    path: str
    mask_path: str | None = None
    pattern: str | None = None
    specimen: str | None = None
    intensity: str | None = None
    part: str | None = None
    origin: str | None = None


def camera_bits(manifest: pa.Table) -> int | None:
    """Return the bits that the 16-bit cells of a manifest use, or None where it has none.

    One dim cell shows fewer bits than its camera has: the highest of all cells is the camera's.
    """
    deep = manifest.filter(pc.equal(manifest["bit_depth"], 16))
    bits: int | None = pc.max(deep["content_bits"]).as_py()
    return bits
