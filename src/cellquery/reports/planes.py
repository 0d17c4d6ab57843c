"""Kept embeddings of judged cells laid out in a plane by t-SNE, once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.core import InputError
from cellquery.core.durable import write_json
from cellquery.reports.page import write_whole

_FEWEST = 10


@dataclass(frozen=True)
class Plane:
    """Where judged cells lie.

    Attributes
    ----------
    positions : ndarray of float, shape (cells, 2)
    true, predicted : list of str, shape (cells,)
    """

    positions: NDArray[np.float64]
    true: list[str]
    predicted: list[str]


def plane(final: Path, judged: str, kept: Path) -> Plane | None:
    """Return the plane of a judgement's embeddings, from a CSV where one was made of them.

    t-SNE: van der Maaten & Hinton 2008, "Visualizing data using t-SNE", Journal of Machine
    Learning Research 9; started from the two principal components, so that the same embeddings
    give the same plane.

    Parameters
    ----------
    final : Path
        The folder of a campaign's last network, with ``evaluation-JUDGED.json`` and
        ``embeddings-JUDGED.parquet``. Where the latter is absent, as in results that were
        published without it, a CSV that was made beside the same evaluation is taken.
    judged : str
    kept : Path
        The CSV with columns cell_id, pattern, predicted, x, y; written where it is missing or was
        made of others. What it was made of stands in a JSON file beside it.

    Returns
    -------
    Plane or None
        None where there are neither embeddings nor a CSV, or too few cells.

    Raises
    ------
    InputError
        When the embeddings are damaged.
    """
    made_of = kept.with_suffix(".json")
    embeddings = final / f"embeddings-{judged}.parquet"
    sources = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (final / f"evaluation-{judged}.json", embeddings)
        if path.exists()
    }
    with suppress(OSError, ValueError):
        was = json.loads(made_of.read_text(encoding="utf-8"))
        if sources and sources.items() <= was.items():
            return _read(kept)
    if not embeddings.exists():
        return None
    table = _table(embeddings)
    if table.num_rows < _FEWEST:
        return None
    values = np.array(table["embedding"].to_pylist(), dtype=np.float32)
    columns: list[list[Any]] = [
        table[name].to_pylist() for name in ("cell_id", "pattern", "predicted")
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cell_id", "pattern", "predicted", "x", "y"])
    for *facts, (x, y) in zip(*columns, _laid_out(values), strict=True):
        writer.writerow([*facts, f"{x:.3f}", f"{y:.3f}"])
    write_whole(kept, text.getvalue().encode())
    write_json(made_of, sources)
    return _read(kept)


def _laid_out(values: NDArray[np.float32]) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(values) - 1) / 3)
    made = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(values)
    return np.asarray(made, dtype=np.float32)


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, columns=["cell_id", "pattern", "predicted", "embedding"])
    except (pa.ArrowException, OSError) as error:
        raise InputError(path, f"cannot be read ({error})", "run the study again") from error


def _read(path: Path) -> Plane:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    positions = np.array([(row["x"], row["y"]) for row in rows], dtype=np.float64)
    return Plane(positions, [row["pattern"] for row in rows], [row["predicted"] for row in rows])
