"""The campaign in cellquery, whole, and with one of its ways to be fast left out."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import Any

import lightning_fabric  # noqa: F401 - imported when first used: imports are not counted
import numpy as np
import sklearn.metrics  # noqa: F401

from bench.peers.task import Name, Task
from cellquery.campaign import Campaign, CampaignSettings, KnownLabels, Pool
from cellquery.campaign.records import round_folder, rounds_done
from cellquery.campaign.sight import Scores
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import LabelledCells, predict
from cellquery.training.settings import overlaid

LITERAL = {
    "restart": "initial",
    "train": {
        "schedule": "constant",
        "learning_rate": 1e-3,
        "batch_size": 32,
        "max_epochs": 100,
        "patience": 5,
        "validation": "labelled",
        "rehearsal": 0.0,
    },
    "final": None,
}
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "cached features": {"cache_mb": 0},
    "schedule": LITERAL,
    "bf16": {
        "train": {"precision": "32-true"},
        "final": {"precision": "32-true"},
    },
    "scoring": {},
    "selection": {"strategy": "random"},
}


def loop(task: Task, without: str = "nothing") -> Name:
    """Play the campaign and return the delivered network."""
    sizes = json.loads((task.folder / "task.json").read_text())
    classifier = Classifier.load(task.initial)
    with np.load(task.folder / "pool.npz", allow_pickle=False) as kept:
        cells = PreparedCells(kept["ids"].astype(object), kept["images"])
        specimens = kept["specimens"].astype(object)
    with np.load(task.folder / "initial.npz", allow_pickle=False) as kept:
        learnt = PreparedCells(kept["ids"].astype(object), kept["images"])
        rehearsed = LabelledCells(learnt, kept["labels"])
    names = [classifier.patterns[label] for label in task.labels]
    settings = CampaignSettings.read(
        {
            **overlaid(sizes["settings"], WITHOUT[without]),
            "budget": task.budget,
            "first": len(task.first),
            "per_round": task.per_round,
        },
        "bench",
        "best",
    )
    root = task.folder / f"campaign-{without.replace(' ', '-')}-{task.seed}"
    # One that was interrupted would go on, and its time would be that of a part.
    shutil.rmtree(root, ignore_errors=True)
    made = Campaign(
        root,
        Pool(cells, specimens),
        settings,
        classifier.patterns,
        classifier.inputs,
        task.seed,
        initial=classifier,
        rehearsed=rehearsed,
        judge_rounds=False,
    )
    if without == "bf16":
        # Scoring and predicting choose by themselves; this process plays nothing else.
        type(classifier.network).predicts_in_bf16 = False
    if without == "scoring":

        def whole(classifier: Classifier) -> Scores:
            said = predict(classifier, cells)
            return Scores(said.probabilities, said.embeddings)

        made.sight.scores = whole  # type: ignore[method-assign]
    made.advance(KnownLabels(dict(zip(cells.ids.tolist(), names, strict=True))))
    asked = round_folder(root, 0).query()
    assert asked is not None
    assert set(asked.ids) == set(cells.ids[task.first]), "another first batch"
    for facts in [each.facts() for each in rounds_done(root)]:
        task.spent.update(facts["cpu_seconds"])
    final = json.loads((root / "final" / "final.json").read_text())
    task.spent["last training"] = final["cpu_seconds"]["training"]
    delivered = Classifier.load(root / "final" / "model.safetensors")
    return partial(_name, delivered)


def _name(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    cells = PreparedCells(np.array([f"cell-{i}" for i in range(len(images))], dtype=object), images)
    return predict(classifier, cells, views=1).probabilities
