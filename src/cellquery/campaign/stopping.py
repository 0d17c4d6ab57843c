"""Stabilised predictions: when further labels no longer change what the network says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellquery.campaign.records import RoundFolder, read_json, rounds_done

ROUNDS_RUNNING = 3
USUAL_KAPPA = 0.99
KAPPAS = (0.90, 0.95, 0.98, USUAL_KAPPA)
"""What stopping costs is told for these, whatever a campaign was asked to stop at."""


@dataclass(frozen=True)
class Stopping:
    """What stopping early at one agreement saved and lost in a campaign, or would have.

    Attributes
    ----------
    kappa : float
        The agreement asked for in three rounds running.
    round : int or None
        The first round after which predictions had stabilised; None where they never did.
    n_labels, n_saved : int
        Labels at that point, and how many less than the budget; all and 0 where it never came.
    lost : dict of str to float
        By judged cells: MCA of the last round's network less that of the network at that point,
        from -1 to 1. Of the rounds' own networks, before any last training. Empty where the
        campaign ended there: what more labels would have brought is not known.
    """

    kappa: float
    round: int | None
    n_labels: int
    n_saved: int
    lost: dict[str, float]


def stabilised(kappas: Sequence[float | None], threshold: float) -> bool:
    """Tell whether the last three rounds each agreed with the one before.

    Bloodgood & Vijay-Shanker 2009, "A method for stopping active learning based on stabilizing
    predictions", CoNLL, arXiv:1409.5165.

    Examples
    --------
    >>> stabilised([None, 0.97, 0.99, 0.995, 0.99], 0.99)
    True
    >>> stabilised([None, 0.99, 0.99], 0.99)
    False
    """
    lowest = _lowest_of_last(kappas)
    return lowest is not None and lowest >= threshold


def first_stabilised(kappas: Sequence[float | None], threshold: float) -> int | None:
    """Return the first round after which predictions had stabilised, or None.

    Examples
    --------
    >>> first_stabilised([None, 0.9, 0.99, 0.995, 0.99, 0.98], 0.99)
    4
    """
    ends = range(1, len(kappas) + 1)
    return next((end - 1 for end in ends if stabilised(kappas[:end], threshold)), None)


def telling_rounds(kappas: Sequence[float | None], stop_kappa: float | None) -> list[int]:
    """Return the rounds whose networks tell what stopping costs: the last among them, if any."""
    last = len(kappas) - 1
    at = [first_stabilised(kappas, kappa) for kappa in _wanted(stop_kappa)]
    before = {number for number in at if number is not None and number < last}
    return sorted({*before, last}) if before else []


def _wanted(stop_kappa: float | None) -> list[float]:
    return sorted({*KAPPAS, *([stop_kappa] if stop_kappa else [])})


def steadiest(kappas: Sequence[float | None]) -> float | None:
    """Return the highest agreement that three rounds running kept to; None with fewer rounds."""
    lows = [_lowest_of_last(kappas[:end]) for end in range(1, len(kappas) + 1)]
    return max((low for low in lows if low is not None), default=None)


def what_stopping_costs(root: Path) -> list[Stopping]:
    """Return what stopping early saves and loses in a finished campaign, from its folder alone.

    One for each of `KAPPAS` and for the campaign's own ``stop_kappa``, in rising order.

    Raises
    ------
    ProjectError
        When the folder holds no campaign, or a file of it is damaged.
    """
    campaign = read_json(root / "campaign.json")
    stop_kappa = campaign["settings"]["stop_kappa"]
    done = rounds_done(root)
    facts = [each.facts() for each in done]
    kappas = [each["kappa"] for each in facts]
    told = []
    for kappa in _wanted(stop_kappa):
        at = first_stabilised(kappas, kappa)
        n_labels = facts[-1 if at is None else at]["n_labels"]
        n_saved, lost = 0, {}
        if at is not None:
            n_saved = max(campaign["budget"] - n_labels, 0)
        if at is not None and at < len(done) - 1:
            then, end = _mca(done[at]), _mca(done[-1])
            lost = {name: end[name] - then[name] for name in then if name in end}
        told.append(Stopping(kappa, at, n_labels, n_saved, lost))
    return told


def _lowest_of_last(kappas: Sequence[float | None]) -> float | None:
    last = list(kappas)[-ROUNDS_RUNNING:]
    known = [kappa for kappa in last if kappa is not None]
    return min(known) if len(known) == ROUNDS_RUNNING else None


def _mca(folder: RoundFolder) -> dict[str, float]:
    paths = sorted(folder.path.glob("evaluation-*.json"))
    return {path.stem.removeprefix("evaluation-"): read_json(path)["mca"] for path in paths}
