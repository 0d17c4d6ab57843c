"""How near an exported ONNX file is to PyTorch on the cells of a project, and how fast.

    python bench/onnx_agreement.py MODEL PROJECT [EVERY]

Exports the weights of MODEL, lets ONNX Runtime and cellquery name every EVERY-th (4th) cell of
PROJECT, and prints the largest difference of a probability, cells named differently, and cells a
second in ONNX Runtime, one at a time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from cellquery.data import Project
from cellquery.data.prepare import prepare
from cellquery.models import Classifier
from cellquery.training import predict
from cellquery.training.onnx_file import onnx_feeds, write_onnx


def main(model: str, project: str, every: str = "4") -> None:
    """Print how near the two are."""
    classifier, store = Classifier.load(model), Project.open(project).store()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(classifier, path)
        session = onnxruntime.InferenceSession(path)
    ids = store.ids[:: int(every)]
    ours = predict(classifier, prepare(store, ids, classifier.inputs), exact=True).probabilities
    started = time.perf_counter()
    theirs = np.concatenate(
        [
            session.run(
                ["probabilities"], onnx_feeds(session, store.pixels(each), store.mask(each))
            )[0]
            for each in ids
        ]
    )
    seconds = time.perf_counter() - started
    n_other = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    print(
        f"{len(ids)} cells, largest difference of a probability {np.abs(ours - theirs).max():.1e}"
    )
    print(f"{n_other} named differently, {len(ids) / seconds:.0f} cells a second")


if __name__ == "__main__":
    main(*sys.argv[1:])
