"""Support vector machines, one pattern against the rest, as arrays and as a module.

Learnt by scikit-learn; what is kept is arrays, and the decision values come from them alone.
Softmax of the decision values times one positive factor gives probabilities. The factor is fitted
to decision values on cells left out in turn, so that the probabilities are as sure as the machine
is right on such cells: temperature scaling, Guo et al. 2017, arXiv:1706.04599. It never changes
which pattern is the most probable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor, nn

from cellquery.models.folds import calibration_folds

Decide = Callable[[NDArray[np.floating]], NDArray[np.floating]]
"""From vectors (cells, features) to decision values (cells, patterns)."""


@dataclass(frozen=True)
class KernelMachine:
    """Machines with a radial basis function as kernel.

    Attributes
    ----------
    support : ndarray of float32, shape (vectors, features)
    coefficients : ndarray of float32, shape (vectors, patterns)
        0 where a vector does not support a pattern's machine.
    bias : ndarray of float32, shape (patterns,)
    gamma : float
        The kernel is exp(-gamma times the squared distance).
    """

    support: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    bias: NDArray[np.float32]
    gamma: float

    def decisions(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return decision values, shape (cells, patterns)."""
        head = KernelHead(vectors.shape[1], len(self.bias))
        head.take(self, 1.0)
        values: NDArray[np.floating] = head(
            torch.from_numpy(np.asarray(vectors, np.float32))
        ).numpy()
        return values


@dataclass(frozen=True)
class LinearMachine:
    """Linear machines.

    Attributes
    ----------
    weights : ndarray, shape (patterns, features)
    bias : ndarray, shape (patterns,)
    """

    weights: NDArray[np.floating]
    bias: NDArray[np.floating]

    def decisions(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return decision values, shape (cells, patterns)."""
        return vectors @ self.weights.T + self.bias


def learn_kernel_machine(
    vectors: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    *,
    n_patterns: int,
    c: float,
    gamma: float,
) -> KernelMachine:
    """Return the machines that tell each pattern's cells from all others.

    Parameters
    ----------
    vectors : ndarray, shape (cells, features)
    labels : ndarray of int64, shape (cells,)
    weights : ndarray, shape (cells,)
        How much each cell counts.
    n_patterns : int
        A pattern without cells gets the decision value -1 everywhere.
    c, gamma : float
    """
    from sklearn.svm import SVC

    coefficients = np.zeros((len(vectors), n_patterns))
    bias, patterns = _one_sided(labels, n_patterns)
    for pattern in patterns:
        machine = SVC(C=c, gamma=gamma, cache_size=500)
        machine.fit(vectors, labels == pattern, sample_weight=weights)
        coefficients[machine.support_, pattern] = machine.dual_coef_[0]
        bias[pattern] = machine.intercept_[0]
    used = np.flatnonzero(np.abs(coefficients).sum(axis=1))
    return KernelMachine(
        np.asarray(vectors[used], np.float32),
        coefficients[used].astype(np.float32),
        bias.astype(np.float32),
        gamma,
    )


def learn_linear_machine(
    vectors: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    *,
    n_patterns: int,
    c: float,
    seed: int,
) -> LinearMachine:
    """Return linear machines with the squared hinge as loss; see `learn_kernel_machine`."""
    from sklearn.svm import LinearSVC

    found = np.zeros((n_patterns, vectors.shape[1]))
    bias, patterns = _one_sided(labels, n_patterns)
    for pattern in patterns:
        machine = LinearSVC(C=c, random_state=seed, max_iter=20_000)
        machine.fit(vectors, labels == pattern, sample_weight=weights)
        found[pattern], bias[pattern] = machine.coef_[0], machine.intercept_[0]
    return LinearMachine(found, bias)


def _one_sided(labels: NDArray[np.int64], n: int) -> tuple[NDArray[np.float64], list[int]]:
    """Return the decisions that need no machine, and the patterns that do.

    1 for the pattern of all cells, -1 for one without cells, 0 to be filled in.
    """
    counts = np.bincount(labels, minlength=n)
    bias = np.where(counts == 0, -1.0, np.where(counts == len(labels), 1.0, 0.0))
    return bias, np.flatnonzero(bias == 0).tolist()


def softmax_factor(
    learn: Callable[[NDArray[np.int64]], Decide],
    vectors: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    seed: int,
) -> float:
    """Return what decision values are multiplied by before the softmax.

    Parameters
    ----------
    learn : callable
        Given rows of ``vectors`` to learn from, returns a function from vectors to decisions.
    vectors : ndarray, shape (cells, features)
    labels : ndarray of int64, shape (cells,)
    weights : ndarray, shape (cells,)
        How much each cell counts.
    seed : int
        Decides the folds: see `calibration_folds`.

    Returns
    -------
    float
        Fitted to the decision values of each fold by the machines of the others; 1 where there
        are too few cells for folds.
    """
    decided, order = [], []
    for rows, left_out in calibration_folds(labels, seed):
        decided.append(learn(rows)(vectors[left_out]))
        order.append(left_out)
    if not order:
        return 1.0
    rows = np.concatenate(order)
    return fitted_factor(np.concatenate(decided), labels[rows], weights[rows])


def fitted_factor(
    decisions: NDArray[np.floating], labels: NDArray[np.int64], weights: NDArray[np.floating]
) -> float:
    """Return the factor between 0.05 and 50 under which the labels are the most likely.

    Examples
    --------
    Half of the cells of each of two opposite decisions are right, so nothing can be said:

    >>> fitted_factor(np.array([[1.0, -1.0], [1.0, -1.0]]), np.array([0, 1]), np.ones(2)) < 0.06
    True
    """

    def surprise(logarithm: float) -> float:
        chances = log_softmax(decisions * np.exp(logarithm), axis=1)
        return -float(weights @ chances[np.arange(len(labels)), labels])

    best = minimize_scalar(surprise, bounds=(np.log(0.05), np.log(50)), method="bounded")
    return float(np.exp(best.x))


class KernelHead(nn.Module):
    """The machines of `KernelMachine`, from vectors to logits; everything is in buffers."""

    support: Tensor
    coefficients: Tensor
    bias: Tensor
    gamma: Tensor
    factor: Tensor

    def __init__(self, n_features: int, n_patterns: int) -> None:
        super().__init__()
        self.register_buffer("support", torch.zeros(0, n_features))
        self.register_buffer("coefficients", torch.zeros(0, n_patterns))
        self.register_buffer("bias", torch.zeros(n_patterns))
        self.register_buffer("gamma", torch.ones(()))
        self.register_buffer("factor", torch.ones(()))

    def take(self, machine: KernelMachine, factor: float) -> None:
        """Hold these machines from now on, their decision values times a factor."""
        self.support = torch.from_numpy(machine.support).to(self.bias.device)
        self.coefficients = torch.from_numpy(machine.coefficients).to(self.bias.device)
        self.bias = torch.from_numpy(machine.bias).to(self.bias.device)
        self.gamma.fill_(machine.gamma)
        self.factor.fill_(factor)

    def make_room(self, n_support: int) -> None:
        """Make buffers for so many vectors, to be loaded."""
        self.support = self.support.new_zeros(n_support, self.support.shape[1])
        self.coefficients = self.coefficients.new_zeros(n_support, len(self.bias))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return logits (cells, patterns) of vectors (cells, features)."""
        # In double precision: squared lengths are hundreds of times the distances they differ by.
        vectors, support = vectors.double(), self.support.double()
        squared = (vectors**2).sum(1, keepdim=True) - 2 * vectors @ support.T
        squared = squared + (support**2).sum(1)
        kernel = torch.exp(-self.gamma * squared.clamp_min(0))
        decisions = kernel @ self.coefficients.double() + self.bias
        logits: Tensor = (decisions * self.factor).to(self.bias.dtype)
        return logits
