"""How fast `cellquery predict` is, beside training, on one machine in one run.

    python bench/prediction_rate.py [CELLS]

Writes CELLS (8,000) synthetic cells with masks as PNG files, then in turns trains the network of
the preset ``best`` for a while and predicts all the files, three times each, and prints cells a
second and their ratio. Decoding counts for predicting; cells are in memory for training.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cellquery.core import SIX_PATTERNS
from cellquery.data import Project, import_cells
from cellquery.data.prepare import prepare
from cellquery.data.synthetic import into_folder, synthetic_settings
from cellquery.models import Classifier
from cellquery.training import TrainSettings, fit, label
from cellquery.training.bulk import predict_source

REPEATS = 3


def main(n_cells: int = 8000) -> None:
    """Measure and print."""
    settings = TrainSettings.preset("best").model_copy(update={"max_epochs": 1})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = synthetic_settings(patterns=SIX_PATTERNS, n_specimens=50, seed=0)
        into_folder(n_cells, made, folder / "cells", workers=os.cpu_count() or 1)
        project = Project.create(folder / "project")
        import_cells(folder / "cells", project, workers=os.cpu_count() or 1)
        manifest = project.manifest().slice(0, n_cells // 3)
        cells = prepare(project.store(), manifest["cell_id"].to_pylist(), settings.inputs)
        training = label(cells, manifest["pattern"].to_pylist(), SIX_PATTERNS)
        classifier = Classifier.fresh(SIX_PATTERNS, settings.inputs, seed=0)
        trained, predicted = [], []
        for seed in range(REPEATS):
            start = time.perf_counter()
            fit(classifier, training, settings, seed=seed, accelerator="cpu")
            trained.append(len(training) / (time.perf_counter() - start))
            summary = predict_source(
                classifier,
                folder / "cells",
                folder / "predictions.parquet",
                accelerator="cpu",
                workers=os.cpu_count() or 1,
            )
            predicted.append(summary.n_cells / summary.seconds)
            print(f"training {trained[-1]:.0f}, predicting {predicted[-1]:.0f} cells/s", flush=True)
    ratios = [fast / slow for fast, slow in zip(predicted, trained, strict=True)]
    print(f"{os.cpu_count()} cores: predicting is {statistics.median(ratios):.1f} times as fast")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
