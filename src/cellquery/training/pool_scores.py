"""Score a project's cells shard by shard: what a network says of a pool of any size.

Each shard of the image store becomes a Parquet file of its own, whole or absent, so that shards
can be scored by any number of processes on any number of machines, and what is there already is
kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cellquery.core import (
    RESEARCH_USE_ONLY,
    CellqueryError,
    Progress,
    ProjectError,
    SettingsError,
    silent,
)
from cellquery.core.durable import make_folder, replacing, write_json
from cellquery.core.workers import in_order
from cellquery.data import ImageStore, Project
from cellquery.data.prepare import prepare
from cellquery.models import Classifier
from cellquery.training.bulk import BulkSummary, loaded_once, one_thread
from cellquery.training.device import torch_device
from cellquery.training.evaluate import predictions_table
from cellquery.training.predict import predict

if TYPE_CHECKING:
    from cellquery.core.cluster import Cluster

ABOUT, NETWORK = "scores.json", "network.safetensors"
_OF = b"cells"


def score_project(
    classifier: Classifier,
    project: Project,
    into: Path,
    *,
    views: int = 1,
    embeddings: bool = False,
    accelerator: str = "auto",
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Progress = silent,
) -> BulkSummary:
    """Write what a network says of every cell of a project, a Parquet file for each shard.

    ``part-00000.parquet`` onwards have the columns of `predictions_table`, the known pattern and
    the specimen among them, and ``embedding``, single precision, where it is asked for.
    ``scores.json`` says how they were made. Shards scored before, whose cells are unchanged, are
    kept.

    Parameters
    ----------
    classifier : Classifier
    project : Project
    into : Path
        A folder; on a cluster all machines see it, and the project, under the same name.
    views : {1, 8}
    embeddings : bool
        Needed by the query strategies that compare cells.
    accelerator : {"auto", "cpu", "cuda"}
    workers : int
        Processes, where there is no cluster and no GPU.
    cluster : Cluster or None
        Scores shards side by side.
    progress : Progress

    Returns
    -------
    BulkSummary
        Of the whole project; its seconds are those of this call.

    Raises
    ------
    ProjectError
        When a shard is missing or damaged, once all others are scored; or when cells were added
        meanwhile.
    SettingsError
        When the folder holds scores of another network or other settings.
    """
    into = into.resolve()
    # Workers stand in other folders.
    store = Project.open(project.path.resolve()).store()
    parts = [shard.name for shard in store.shards]
    if not parts:
        raise ProjectError(project.path, "has no cells", "import some")
    network = _begin(into, classifier, views, embeddings, parts)
    score = _Score(store, into, network, views, embeddings, accelerator)
    summary, started, n_done = BulkSummary(), time.perf_counter(), 0
    faults: list[dict[str, Any]] = []
    progress("scoring shards", 0, len(parts))
    answers: Iterator[dict[str, Any]]
    if cluster is not None:
        answers = cluster.map(score, parts, "scoring")
    else:
        gpu = torch_device(accelerator).type != "cpu"
        n_workers = 1 if gpu else min(workers, len(parts))
        answers = in_order(score, parts, n_workers, task="scoring", setup=one_thread)
    for answer in answers:
        n_done += 1
        progress("scoring shards", n_done, len(parts))
        if answer["fault"]:
            faults.append(answer)
            continue
        summary.n_cells += answer["n_cells"]
        if classifier.inputs.mask != "ignore":
            summary.n_without_mask += answer["n_without_mask"]
        summary.n_predicted.update(json.loads(answer["n_predicted"]))
    summary.seconds = time.perf_counter() - started
    if faults:
        first = min(faults, key=lambda fault: fault["where"])
        raise ProjectError(
            first["where"],
            f"{first['fault']}; {len(faults)} of {len(parts)} shards could not be scored",
            first["remedy"],
        )
    if [shard.name for shard in project.store().shards] != parts:
        raise ProjectError(
            project.path, "changed while it was scored", "run the same command again"
        )
    return summary


def score_parts(folder: Path) -> list[str]:
    """Return the names of the parts of a folder of scores, one for each shard of the project.

    Raises
    ------
    ProjectError
        When the folder holds no scores, or not of all shards.
    """
    again = "cellquery predict MODEL PROJECT --out FOLDER"
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        parts = [_part(shard) for shard in about["shards"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise ProjectError(folder, "holds no scores", f"make some with: {again}") from None
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        raise ProjectError(
            folder / missing[0],
            f"missing; {len(missing)} of {len(parts)} shards were not scored",
            f"run again, what is there is kept: {again}",
        )
    return parts


def _part(shard: str) -> str:
    """Return the name of the scores of a shard."""
    return str(Path(shard).with_suffix(".parquet"))


def _begin(
    into: Path, classifier: Classifier, views: int, embeddings: bool, shards: Sequence[str]
) -> str:
    """Write the network and ``scores.json``, or see that they lie there; return its SHA-256."""
    make_folder(into)
    beside = into / f".{NETWORK}"
    classifier.save(beside)
    digest = hashlib.sha256(beside.read_bytes()).hexdigest()
    facts = {
        "notice": RESEARCH_USE_ONLY,
        "network": digest,
        "patterns": list(classifier.patterns),
        "views": views,
        "embeddings": embeddings,
    }
    about = into / ABOUT
    if about.exists():
        kept = json.loads(about.read_text(encoding="utf-8"))
        for key, value in facts.items():
            if kept.get(key) != value:
                beside.unlink()
                other = "of another network" if key == "network" else f"with other {key}"
                raise SettingsError(
                    into, f"holds scores {other}", "name another folder, or delete it"
                )
    beside.replace(into / NETWORK)
    write_json(about, facts | {"shards": list(shards)})
    return digest


@dataclass(frozen=True)
class _Score:
    """Scores a shard, in whatever process it is called, and says what became of it."""

    store: ImageStore
    into: Path
    network: str
    views: int
    embeddings: bool
    accelerator: str

    def __call__(self, part: str) -> dict[str, Any]:
        answer = {"n_cells": 0, "n_without_mask": 0, "n_predicted": "{}"}
        answer |= {"where": "", "fault": "", "remedy": ""}
        try:
            return answer | self._scored(part)
        except CellqueryError as error:
            # An answer, not an exception: the other shards are scored all the same.
            return answer | {"where": error.where, "fault": error.fault, "remedy": error.remedy}

    def _scored(self, part: str) -> dict[str, Any]:
        store = self.store.shard(part)
        manifest = store.manifest()
        names = ("cell_id", "digest", "pattern", "specimen", "mask")
        columns = [manifest[name].to_pylist() for name in names]
        of = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
        path = self.into / _part(part)
        predicted = _kept(path, of)
        if predicted is None:
            table = self._table(store, manifest)
            predicted = table["predicted"]
            with replacing(path) as file:
                pq.write_table(table.replace_schema_metadata({_OF: of}), file)
        return {
            "n_cells": len(manifest),
            "n_without_mask": pc.sum(pc.invert(manifest["mask"])).as_py() or 0,
            "n_predicted": json.dumps(Counter(predicted.to_pylist())),
        }

    def _table(self, store: ImageStore, manifest: pa.Table) -> pa.Table:
        classifier = loaded_once(self.into / NETWORK, self.network)
        cells = prepare(store, manifest["cell_id"].to_pylist(), classifier.inputs)
        device = torch_device(self.accelerator)
        said = predict(classifier, cells, views=self.views, device=device)
        names, specimens = (manifest[key].to_pylist() for key in ("pattern", "specimen"))
        table = predictions_table(said, names, specimens)
        if self.embeddings:
            flat = pa.array(np.ascontiguousarray(said.embeddings).ravel())
            column = pa.FixedSizeListArray.from_arrays(flat, said.embeddings.shape[1])
            table = table.append_column("embedding", column)
        return table


def _kept(path: Path, of: str) -> pa.ChunkedArray | None:
    """Return the predictions of a part that is there already, if it is of these cells."""
    try:
        if (pq.read_schema(path).metadata or {}).get(_OF) != of.encode():
            return None
        return pq.read_table(path, columns=["predicted"])["predicted"]
    except (OSError, pa.ArrowInvalid):
        return None
