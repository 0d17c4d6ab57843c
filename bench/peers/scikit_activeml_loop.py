"""The campaign in scikit-activeml, with its own wrapper of skorch."""

from __future__ import annotations

import numpy as np
import torch
from skactiveml.classifier import SkorchClassifier
from skactiveml.pool import UncertaintySampling
from skactiveml.utils import MISSING_LABEL
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from bench.peers.task import LITERAL, Cells, Name, Schedule, Task


def loop(task: Task, how: Schedule = LITERAL) -> Name:
    """Play the campaign and return the last network."""
    network = SkorchClassifier(
        module=Cells,
        criterion=torch.nn.CrossEntropyLoss,
        neural_net_param_dict={
            "module__initial": task.initial,
            "optimizer": torch.optim.Adam,
            "lr": how.learning_rate,
            "batch_size": how.batch_size,
            "max_epochs": how.max_epochs,
            "train_split": ValidSplit(how.validation, random_state=task.seed),
            "callbacks": [EarlyStopping(patience=how.patience, load_best=True)],
            "verbose": 0,
        },
        classes=list(range(task.n_patterns)),
        random_state=task.seed,
    )
    strategy = UncertaintySampling(method="margin_sampling", random_state=task.seed)
    labels = np.full(len(task.labels), MISSING_LABEL)
    labels[task.first] = task.labels[task.first]
    with task.on("training"):
        network.fit(task.images, labels)
    while (n_labels := int((~np.isnan(labels)).sum())) < task.budget:
        with task.on("scoring and selection"):
            n = min(task.per_round, task.budget - n_labels)
            rows = strategy.query(task.images, labels, network, fit_clf=False, batch_size=n)
        labels[rows] = task.labels[rows]
        with task.on("training"):
            network.fit(task.images, labels)
    return network.predict_proba
