"""What a study of the four cases left in its run directories, read back for reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.core import InputError
from cellquery.core.places import Place
from cellquery.data import Project
from cellquery.experiments.cases_table import CaseResult, campaign_folder, case_results
from cellquery.reports.pictures import ProjectPictures

_MODES = {"paper": "Paper mode", "best": "Best mode"}
_PUBLISHED_BUDGET = 0.2


@dataclass(frozen=True)
class ReportedStudy:
    """A study's directory of runs, and where its cells are.

    Attributes
    ----------
    root : Path
    project : Project or None
        Without it no cell is shown.

    Raises
    ------
    ProjectError
        From its properties, when the directory holds no study or no finished campaign.
    """

    root: Path
    project: Project | None = None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What ``study.json`` says."""
        return json_of(self.root / "study.json")

    @cached_property
    def results(self) -> list[CaseResult]:
        """Every finished campaign's judgements."""
        return case_results(self.root)

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.facts["name"])

    @property
    def mode(self) -> str:
        """What a column calls the study."""
        return _MODES.get(self.facts["preset"], self.name)

    @property
    def heading(self) -> str:
        """What the report calls the study: by its mode, where the preset is a known one."""
        return self.name if self.mode == self.name else f"{self.mode} ({self.name})"

    @property
    def judgements(self) -> list[str]:
        """What was judged, unseen specimens first."""
        names = {result.judged for result in self.results}
        return sorted(names, key=lambda name: (name != "unseen", name))

    @property
    def shown_budget(self) -> float:
        """The paper's 20 % where it was run, else the largest budget below everything."""
        budgets = sorted({result.budget for result in self.results})
        if _PUBLISHED_BUDGET in budgets:
            return _PUBLISHED_BUDGET
        return max((budget for budget in budgets if budget < 1), default=budgets[-1])

    def at_shown_budget(self) -> dict[str, Path]:
        """Return the folder of each case's campaign at the shown budget, of its first seed."""
        found: dict[str, int] = {}
        for result in self.results:
            if result.budget == self.shown_budget:
                found[result.case] = min(result.seed, found.get(result.case, result.seed))
        return {
            case: campaign_folder(self.root, case, seed, self.shown_budget)
            for case, seed in found.items()
        }

    @cached_property
    def campaigns(self) -> dict[Path, CaseResult]:
        """Every finished campaign's folder, with one of its judgements.

        With all labels active choice is random choice, and their campaign is one.
        """
        return {
            campaign_folder(self.root, each.case, each.seed, each.budget): each
            for each in self.results
        }

    @cached_property
    def abouts(self) -> list[dict[str, Any]]:
        """What each campaign says of the machine and the versions."""
        return [json_of(folder / "campaign.json")["about"] for folder in self.campaigns]

    @property
    def is_synthetic(self) -> bool:
        """Whether the cells are known to be synthetic."""
        known = self.project is not None and self.project.is_synthetic
        return known or any(about.get("synthetic") for about in self.abouts)

    @cached_property
    def pictures(self) -> ProjectPictures | None:
        """The pictures of the project's cells."""
        return None if self.project is None else ProjectPictures(self.project)


def judgement_title(judged: str) -> str:
    """Return what a set of judged cells is called."""
    return "unseen specimens" if judged == "unseen" else judged


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the mean of shares in per cent, and their standard deviation where there are more.

    Examples
    --------
    >>> spread([0.9, 0.92]), spread([0.9])
    ('91.00 ± 1.41', '90.00')
    """
    mean = f"{100 * np.mean(values):.{digits}f}"
    more = f" ± {100 * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return mean + more


def json_of(path: Place) -> dict[str, Any]:
    """Return the values of a file of a study.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "run the study again") from error
    return values


def epochs_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of an ``epochs.jsonl``, none where there is no file.

    Raises
    ------
    InputError
        When a line is damaged.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "run the study again") from error
