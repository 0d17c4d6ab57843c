"""What a campaign's network and its companion say of its cells, beside what people said."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cellquery.annotation.exchange import harmless
from cellquery.annotation.outcome import Outcome
from cellquery.core import RESEARCH_USE_ONLY, InputError, Progress, silent
from cellquery.core.durable import make_folder, replacing
from cellquery.core.extras import from_extra
from cellquery.core.provenance import provenance
from cellquery.models import Classifier
from cellquery.training import Predictions
from cellquery.training.bulk import predict_stored, writing_table
from cellquery.training.evaluate import predictions_table
from cellquery.training.predict import averaged


@dataclass(frozen=True)
class Predicted:
    """Cells of a campaign as its network sees them.

    Attributes
    ----------
    of : Outcome
    model : str
        Which network, such as ``round 3``, and with which companion.
    views : int
    classifier : Classifier
    predictions : Predictions
    """

    of: Outcome
    model: str
    views: int
    classifier: Classifier
    predictions: Predictions

    @property
    def table(self) -> pa.Table:
        """One row a cell.

        Columns: ``cell_id``; ``specimen`` and ``intensity`` as known to the project; ``label``,
        where there is one; ``standing`` and ``annotators`` of a cell that anyone has read;
        ``predicted``, its ``probability``, and ``p_<pattern>`` for every pattern.
        """
        table, of = predictions_table(self.predictions), self.of
        ids = table["cell_id"].to_pylist()
        manifest = of.images().manifest()
        row = {cell_id: i for i, cell_id in enumerate(manifest["cell_id"].to_pylist())}
        known = manifest.take([row[cell_id] for cell_id in ids])
        facts = {
            "specimen": known["specimen"],
            "intensity": known["intensity"],
            "label": [of.labels.get(cell_id) for cell_id in ids],
            "standing": [of.standings.get(cell_id, "unread") for cell_id in ids],
            "annotators": [of.annotators.get(cell_id) for cell_id in ids],
        }
        for place, (name, values) in enumerate(facts.items(), 1):
            table = table.add_column(place, name, pa.chunked_array([_strings(values)]))
        return table


def predicted(
    of: Outcome,
    *,
    every: bool = False,
    views: int | None = None,
    accelerator: str = "auto",
    workers: int = 1,
    progress: Progress = silent,
) -> Predicted:
    """Return what the newest network of a campaign says of its cells.

    Parameters
    ----------
    of : Outcome
    every : bool
        All cells of the pool, and not only those without a label.
    views : {1, 8} or None
        None averages over as many as the campaign's settings say.
    accelerator : {"auto", "cpu", "cuda"}
    workers : int
    progress : Progress

    Raises
    ------
    InputError
        When every cell has a label, or the images are not known.
    ProjectError
        When there is no network yet.
    """
    newest = of.delivered()
    store = of.images().store()
    ids = [cell_id for cell_id in of.ids if every or cell_id not in of.labels]
    if not ids:
        raise InputError(of.root, "every cell has a label", "ask for them with --all")
    classifier, name = Classifier.load(newest.path), newest.name
    views = views or newest.views
    networks = [(classifier, views)]
    if newest.companion is not None:
        path, its_views = newest.companion
        networks.append((Classifier.load(path), its_views))
        name += f" with {networks[1][0].network.name}"
    predictions = averaged(
        [
            predict_stored(
                each,
                store,
                ids,
                views=over,
                accelerator=accelerator,
                workers=workers,
                # As the ONNX file of the same network says, to the last digits.
                exact=True,
                progress=progress,
            )
            for each, over in networks
        ]
    )
    return Predicted(of, name, views, classifier, predictions)


def write_predictions(found: Predicted, out: Path) -> None:
    """Write the table of predictions as csv or Parquet, by the file's suffix.

    Text of a csv that a spreadsheet would take for a formula is guarded by an apostrophe.

    Raises
    ------
    InputError
        When the suffix is another.
    """
    table = found.table
    if out.suffix == ".csv":
        for place, name in enumerate(table.column_names):
            if pa.types.is_string(table.schema.field(name).type):
                guarded = _strings([harmless(value) for value in table[name].to_pylist()])
                table = table.set_column(place, name, pa.chunked_array([guarded]))
    else:
        table = table.replace_schema_metadata(
            {"notice": RESEARCH_USE_ONLY, "provenance": json.dumps(_made_from(found))}
        )
    make_folder(out.parent)
    with writing_table(out) as write:
        write(table)


def write_anndata(found: Predicted, out: Path) -> None:
    """Write cells as an AnnData file (.h5ad) for scanpy and its kin.

    ``X`` holds the embeddings, shape (cells, 128); ``obs`` the columns of `Predicted.table`, its
    index the cell ids; ``obsm["probabilities"]`` the probabilities in the order of
    ``uns["patterns"]``; ``uns`` the notice and, as JSON, where all came from.

    Raises
    ------
    SettingsError
        When the extra ``anndata`` is not installed.
    InputError
        When the file does not end in .h5ad.
    """
    anndata, pandas = from_extra("anndata", "anndata", "pandas")
    if out.suffix != ".h5ad":
        raise InputError(out, f"suffix '{out.suffix}' is not known", "name it .h5ad")
    table = found.table
    words = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    obs = pandas.DataFrame(
        {
            name: pandas.Categorical(table[name].to_pylist())
            if name in words
            else table[name].to_numpy()
            for name in table.column_names
            if name != "cell_id"
        },
        index=pandas.Index(table["cell_id"].to_pylist(), name="cell_id"),
    )
    embeddings = found.predictions.embeddings
    cells = anndata.AnnData(
        X=embeddings,
        obs=obs,
        var=pandas.DataFrame(index=[f"embedding_{i:03}" for i in range(embeddings.shape[1])]),
        obsm={"probabilities": found.predictions.probabilities},
        uns={
            "notice": RESEARCH_USE_ONLY,
            "patterns": list(found.predictions.patterns),
            "provenance": json.dumps(_made_from(found)),
        },
    )
    content = io.BytesIO()
    _write_h5ad(cells, content)
    make_folder(out.parent)
    with replacing(out) as file:
        file.write(content.getbuffer())


def _write_h5ad(cells: Any, file: io.BytesIO) -> None:
    h5py, written = from_extra("anndata", "h5py", "anndata.io")
    with h5py.File(file, "w") as opened:
        written.write_elem(opened, "/", cells)


def _made_from(found: Predicted) -> dict[str, Any]:
    return {
        "campaign": found.of.root.name,
        "network": found.model,
        "views": found.views,
        "inputs": found.classifier.inputs.model_dump(),
        **provenance(),
    }


def _strings(values: Sequence[str | None] | pa.ChunkedArray) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return pc.cast(values, pa.string()).combine_chunks()
    return pa.array(values, pa.string())
