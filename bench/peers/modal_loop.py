"""The campaign in modAL, with skorch underneath, as its documentation shows for PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from modAL.models import ActiveLearner
from modAL.uncertainty import margin_sampling
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint, EarlyStopping
from skorch.dataset import CVSplit

from bench.peers.task import LITERAL, Cells, Name, Schedule, Task


def loop(task: Task, how: Schedule = LITERAL) -> Name:
    """Play the campaign and return the last network."""
    best = Checkpoint(monitor="valid_loss_best", f_params="modal-best.pt", dirname=task.folder)
    network = NeuralNetClassifier(
        Cells,
        module__initial=task.initial,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=how.learning_rate,
        batch_size=how.batch_size,
        max_epochs=how.max_epochs,
        train_split=CVSplit(how.validation, random_state=task.seed),
        callbacks=[EarlyStopping(patience=how.patience), best],
        verbose=0,
    )
    images, labels = task.images[task.first], task.labels[task.first]
    pool = np.delete(np.arange(len(task.images)), task.first)
    with task.on("training"):
        learner = ActiveLearner(network, margin_sampling, images, labels)
        network.load_params(checkpoint=best)
    n_labels = len(labels)
    while n_labels < task.budget:
        with task.on("scoring and selection"):
            n = min(task.per_round, task.budget - n_labels)
            rows, _ = learner.query(task.images[pool], n_instances=n)
        with task.on("training"):
            learner.teach(task.images[pool[rows]], task.labels[pool[rows]])
            network.load_params(checkpoint=best)
        pool, n_labels = np.delete(pool, rows), n_labels + n
    return learner.predict_proba
