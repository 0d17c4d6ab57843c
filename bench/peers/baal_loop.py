"""The campaign in Baal: its data set of labelled and unlabelled cells, its wrapper, its loop."""

from __future__ import annotations

import logging
from copy import deepcopy

import numpy as np
import structlog
import torch
from baal.active import ActiveLearningDataset
from baal.active.active_loop import ActiveLearningLoop
from baal.active.heuristics import Margin
from baal.modelwrapper import ModelWrapper, TrainingArgs
from scipy.special import softmax
from torch.utils.data import TensorDataset

from bench.peers.task import LITERAL, Cells, Name, Schedule, Task


def loop(task: Task, how: Schedule = LITERAL) -> Name:
    """Play the campaign and return the last network."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    random = np.random.default_rng(task.seed)
    cells = TensorDataset(torch.from_numpy(task.images), torch.from_numpy(task.labels))
    dataset = ActiveLearningDataset(cells)
    dataset.label(task.first.tolist())
    network = Cells(task.initial, task.seed)
    initial = deepcopy(network.state_dict())
    arguments = TrainingArgs(
        optimizer=None,
        batch_size=how.batch_size,
        epoch=1,
        criterion=torch.nn.CrossEntropyLoss(),
        use_cuda=False,
        workers=0,
        regularizer=None,
        replicate_in_memory=False,
    )
    wrapper = ModelWrapper(network, arguments)

    def train() -> None:
        wrapper.load_state_dict(initial)
        arguments.optimizer = torch.optim.Adam(network.parameters(), lr=how.learning_rate)
        order = random.permutation(len(dataset))
        held_out = max(1, round(how.validation * len(order)))
        validation = torch.utils.data.Subset(dataset, order[:held_out].tolist())
        training = torch.utils.data.Subset(dataset, order[held_out:].tolist())
        # Its own loop with early stopping trains `epoch` epochs between two looks at the
        # validation cells, and looks `epoch` times: only by hand can it be one epoch each.
        best_loss, best, waited = float("inf"), initial, 0
        for _ in range(how.max_epochs):
            wrapper.train_on_dataset(training)
            loss = wrapper.test_on_dataset(validation)
            if loss < best_loss:
                best_loss, best, waited = loss, deepcopy(wrapper.state_dict()), 0
            else:
                waited += 1
                if waited >= how.patience:
                    break
        wrapper.load_state_dict(best)

    choose = ActiveLearningLoop(
        dataset,
        wrapper.predict_on_dataset,
        heuristic=Margin(),
        query_size=task.per_round,
        iterations=1,
        verbose=False,
    )
    with task.on("training"):
        train()
    while dataset.n_labelled < task.budget:
        with task.on("scoring and selection"):
            choose.query_size = min(task.per_round, task.budget - dataset.n_labelled)
            choose.step()
        with task.on("training"):
            train()

    def name(images: np.ndarray) -> np.ndarray:
        cells = TensorDataset(torch.from_numpy(images), torch.zeros(len(images)))
        return softmax(wrapper.predict_on_dataset(cells, 1, verbose=False)[..., 0], axis=1)

    return name
