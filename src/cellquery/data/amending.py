"""Cells that are there already and of which a source now says otherwise: its word is taken over.

Pixels stay as they are, and so does whatever the source says nothing of. Shards with such cells
are written anew, each whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from cellquery.core import Progress
from cellquery.core.durable import replacing
from cellquery.data.decoding import Outcome, Stored, mask_bits_of
from cellquery.data.project import Project
from cellquery.data.records import SourceCell
from cellquery.data.shards import STORE_SCHEMA, write_shard
from cellquery.data.store import ImageStore

_FACTS = ("pattern", "specimen", "intensity")


def stored_cells(store: ImageStore) -> dict[str, Stored]:
    """Return what is known of every cell of a store, by id."""
    cells = {}
    for table in store.manifest_by_shard():
        names = ("cell_id", "digest", "height", "width", *_FACTS)
        columns = (table[name].to_pylist() for name in names)
        for cell_id, digest, height, width, *facts in zip(*columns, strict=True):
            cells[cell_id] = Stored(digest, (height, width), *facts)
    return cells


def says_otherwise(outcome: Outcome, stored: Stored, store: ImageStore) -> bool:
    """Return whether a source gives a fact or a mask that is not the one in the store."""
    cell, bits = outcome.cell, outcome.mask_bits
    if any(getattr(cell, fact) not in (None, getattr(stored, fact)) for fact in _FACTS):
        return True
    if bits is None:
        return False
    mask = store.mask(cell.cell_id)
    return mask is None or np.packbits(mask).tobytes() != bits


def take_over(
    project: Project, store: ImageStore, said: Mapping[str, SourceCell], progress: Progress
) -> dict[str, str]:
    """Write anew the shards of cells of which a source says otherwise.

    Parameters
    ----------
    project : Project
    store : ImageStore
        As it was before.
    said : mapping of str to SourceCell
        What the source says, by id.
    progress : Progress

    Returns
    -------
    dict of str to str
        The SHA-256 of the shards written, by name.

    Raises
    ------
    ProjectError
        When one cannot be written; the same import goes on with those that are left.
    """
    tables = zip(store.shards, store.manifest_by_shard(), strict=True)
    concerned = [
        shard for shard, table in tables if not said.keys().isdisjoint(table["cell_id"].to_pylist())
    ]
    # As after an import that did not end, it tells no shard: one that is written anew would pass
    # for damaged beside what it tells.
    with replacing(project.path / "manifest.parquet") as file:
        pq.write_table(store.manifest(), file)
    written = {}
    for done, shard in enumerate(concerned, 1):
        rows = shard.read(STORE_SCHEMA.names).to_pylist()
        rows = [_amended(row, said.get(row["cell_id"])) for row in rows]
        written[shard.name] = write_shard(shard.path, rows)
        progress("taking over", done, len(concerned))
    return written


def _amended(row: dict[str, Any], cell: SourceCell | None) -> dict[str, Any]:
    if cell is None:
        return row
    facts = {fact: getattr(cell, fact) or row[fact] for fact in _FACTS}
    bits = mask_bits_of(cell, (row["height"], row["width"])) or row["mask_bits"]
    return {**row, **facts, "mask": bits is not None, "mask_bits": bits}
