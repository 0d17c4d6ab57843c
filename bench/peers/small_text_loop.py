"""The campaign in small-text, whose learner takes any classifier: here one of plain PyTorch.

small-text brings classifiers of texts alone; its interface for others is what this file fills in.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from small_text import BreakingTies, PoolBasedActiveLearner, SklearnDataset
from small_text.classifiers.classification import Classifier
from small_text.classifiers.factories import AbstractClassifierFactory
from torch.utils.data import DataLoader, TensorDataset, random_split

from bench.peers.task import LITERAL, Cells, Name, Schedule, Task

SCORED = 64


class CellClassifier(Classifier):
    """The paper's network, trained by a plain loop with early stopping."""

    def __init__(self, task: Task, how: Schedule) -> None:
        self.task, self.how = task, how

    def fit(self, train_set: SklearnDataset, weights: object = None) -> CellClassifier:
        """Train from the initial weights."""
        how, seed = self.how, torch.Generator().manual_seed(self.task.seed)
        cells = TensorDataset(torch.from_numpy(train_set.x), torch.from_numpy(train_set.y).long())
        n_validation = max(1, round(how.validation * len(cells)))
        lengths = [len(cells) - n_validation, n_validation]
        training, validation = random_split(cells, lengths, seed)
        self.network = network = Cells(self.task.initial, self.task.seed)
        optimiser = torch.optim.Adam(network.parameters(), lr=how.learning_rate)
        best_loss, best, waited = float("inf"), network.state_dict(), 0
        for _ in range(how.max_epochs):
            network.train()
            for images, labels in DataLoader(training, how.batch_size, True, generator=seed):
                optimiser.zero_grad()
                F.cross_entropy(network(images), labels).backward()
                optimiser.step()
            network.eval()
            with torch.inference_mode():
                losses = [
                    F.cross_entropy(network(images), labels, reduction="sum").item()
                    for images, labels in DataLoader(validation, SCORED)
                ]
            if sum(losses) < best_loss:
                best_loss, best, waited = sum(losses), deepcopy(network.state_dict()), 0
            else:
                waited += 1
                if waited >= how.patience:
                    break
        network.load_state_dict(best)
        return self

    def predict(self, data_set: SklearnDataset, return_proba: bool = False) -> np.ndarray:
        """Return the most probable pattern of each cell."""
        probabilities = self.predict_proba(data_set)
        labels = probabilities.argmax(axis=1)
        return (labels, probabilities) if return_proba else labels

    def predict_proba(self, data_set: SklearnDataset) -> np.ndarray:
        """Return probabilities, shape (cells, patterns)."""
        self.network.eval()
        images = torch.from_numpy(data_set.x)
        with torch.inference_mode():
            parts = [self.network(batch).softmax(dim=1) for batch in images.split(SCORED)]
        return torch.cat(parts).numpy()


class CellClassifierFactory(AbstractClassifierFactory):
    """Makes a new classifier for each round, as small-text does by default."""

    def __init__(self, task: Task, how: Schedule) -> None:
        self.task, self.how = task, how

    def new(self) -> CellClassifier:
        """Return an untrained classifier."""
        return CellClassifier(self.task, self.how)


def loop(task: Task, how: Schedule = LITERAL) -> Name:
    """Play the campaign and return the last network."""
    patterns = np.arange(task.n_patterns)
    cells = SklearnDataset(task.images, task.labels.astype(int), target_labels=patterns)
    learner = PoolBasedActiveLearner(CellClassifierFactory(task, how), BreakingTies(), cells)
    with task.on("training"):
        learner.initialize_data(task.first, task.labels[task.first])
    n_labels = len(task.first)
    while n_labels < task.budget:
        with task.on("scoring and selection"):
            n = min(task.per_round, task.budget - n_labels)
            rows = learner.query(num_samples=n)
        with task.on("training"):
            learner.update(task.labels[rows])
        n_labels += n

    def name(images: np.ndarray) -> np.ndarray:
        nothing = np.zeros(len(images), dtype=int)
        unseen = SklearnDataset(images, nothing, target_labels=patterns)
        return learner.classifier.predict_proba(unseen)

    return name
