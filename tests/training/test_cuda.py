"""What trains and predicts on a processor does so on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings, predict
from cellquery.training.run import train_run

from .conftest import PATTERNS


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_training_on_a_gpu_goes_on_and_its_network_names_cells_as_on_a_processor(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    settings = quick.model_copy(update={"max_epochs": 20})
    names = [PATTERNS[i] for i in cells.labels]

    class Stopped(Exception):
        pass

    def stop(task: str, done: int, total: int | None = None) -> None:
        if task == "training" and total is not None and done > total // 2:
            raise Stopped

    def train(**how: object) -> Classifier:
        return train_run(
            tmp_path,
            cells.cells,
            names,
            PATTERNS,
            settings,
            seed=0,
            accelerator="cuda",
            **how,  # type: ignore[arg-type]
        )

    with pytest.raises(Stopped):
        train(progress=stop)
    assert (tmp_path / "state.pt").exists()
    trained = train()
    about = json.loads((tmp_path / "about.json").read_text())
    assert (about["device"], about["n_epochs"]) == (torch.cuda.get_device_name(), 20)
    on_gpu = predict(trained, cells.cells, device="cuda")
    on_processor = predict(Classifier.load(tmp_path / "model.safetensors"), cells.cells)
    assert (on_gpu.labels == cells.labels).mean() > 0.9
    # Convolutions on a GPU round to ten bits unless told otherwise.
    np.testing.assert_allclose(on_gpu.probabilities, on_processor.probabilities, atol=0.02)
