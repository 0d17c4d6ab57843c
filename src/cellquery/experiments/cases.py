"""The paper's four cases: random or active, without or with initial learning, over budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cellquery.campaign import Campaign, CampaignSettings, Judged, KnownLabels, Pool
from cellquery.campaign.began import check_given, check_settings, given_cells
from cellquery.campaign.settings import laid_over
from cellquery.core import Progress, SettingsError, silent
from cellquery.core.durable import write_json
from cellquery.core.places import Place
from cellquery.core.units import Engine, Unit, one_after_another
from cellquery.core.validation import difference, settings_fault
from cellquery.data import Project, specimen_folds
from cellquery.data.prepare import inputs_for, prepare
from cellquery.data.selection import Selection, select
from cellquery.experiments.cases_table import campaign_folder, chosen_as
from cellquery.experiments.config import InitialLearning, Seed, check_once
from cellquery.experiments.initial import (
    alone,
    check_unseen,
    judge_first,
    learn_first,
    to_start_from,
)
from cellquery.experiments.same_study import check_same_study
from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings
from cellquery.training.settings import overlaid, read_toml
from cellquery.wavelets import InputSettings

Case = Literal["RS", "AL", "IN-RS", "IN-AL"]


class CaseStudy(BaseModel):
    """Campaigns of the four cases at several budgets and seeds, on one project.

    Every case of a seed has the same pool, the same first batch where it has one, and the same
    initial network where it has one, so that cases are compared seed by seed. With all of the pool
    labelled there is nothing to choose: AL is RS then, and IN-AL is IN-RS.

    Attributes
    ----------
    name : str
        Names the directory of its runs.
    preset : str
        Of `CampaignSettings`.
    campaign : dict
        Settings laid over the preset, for every case.
    random : dict
        Settings laid over these for RS and IN-RS.
    cases : tuple of {"RS", "AL", "IN-RS", "IN-AL"}
    budgets : tuple of float
        Shares of the pool, told apart to 0.1 % of it.
    seeds : tuple of int
    split : str
    pool, test : tuple of str
        Parts of the split to choose from and to judge on.
    folds : int
        Above 0, the specimens of the pool are dealt into so many folds; seed s keeps those of fold
        s modulo ``folds`` out of the pool, and they are judged as "unseen"; cells of ``test``
        that are of these specimens are not judged.
    initial : InitialLearning
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._+-]*$")
    preset: str = "best"
    campaign: dict[str, Any] = {}
    random: dict[str, Any] = {}
    cases: Annotated[tuple[Case, ...], Field(min_length=1)] = ("RS", "AL", "IN-RS", "IN-AL")
    budgets: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    split: str
    pool: tuple[str, ...]
    test: tuple[str, ...] = ()
    folds: int = Field(default=0, ge=0, le=50)
    initial: InitialLearning

    @field_validator("budgets")
    @classmethod
    def _apart(cls, budgets: tuple[float, ...]) -> tuple[float, ...]:
        for one, other in pairwise(sorted(budgets)):
            if campaign_folder(Path(), "RS", 0, one) == campaign_folder(Path(), "RS", 0, other):
                raise ValueError(f"{one:g} and {other:g} agree to 0.1 % of the pool")
        return budgets

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        used = (*self.pool, *self.test, *self.initial.parts)
        for name, values in (("cases", self.cases), ("seeds", self.seeds), ("parts", used)):
            check_once(name, values)
        if not self.test and not self.folds:
            raise ValueError("nothing is judged: name parts in test, or set folds")
        return self

    def settings_of(self, case: Case, budget: float, n_pool: int | None = None) -> CampaignSettings:
        """Return the settings of a case's campaign.

        Random cells need no rounds where a last training follows: they are drawn at once.

        Parameters
        ----------
        case : {"RS", "AL", "IN-RS", "IN-AL"}
        budget : float
        n_pool : int or None
            Size of the pool: what is drawn at once leaves room for audit cells in the budget. None
            leaves them out of account.
        """
        values = {**self.campaign, "budget": float(budget)}
        if chosen_as(case, budget).endswith("AL"):
            return CampaignSettings.read(values, self.name, self.preset)
        values = laid_over(values, {"strategy": "random", "cold_start": "random", **self.random})
        settings = CampaignSettings.read(values, self.name, self.preset)
        if settings.final is None:
            return settings
        # The network of the only round is not used, so it need not be good.
        once = overlaid(settings.train, {"max_epochs": 1, "min_steps": 0})
        drawn = settings.model_copy(update={"first": 1.0, "train": once})
        if n_pool is None or not settings.audit_cells:
            return drawn
        whole, _, _ = drawn.model_copy(update={"audit_cells": 0}).sizes(n_pool)
        # Cells that the audit has too leave room for others, which the next batch takes.
        first = max(1, whole - settings.audit_cells)
        return drawn.model_copy(update={"first": first, "per_round": 1.0})

    def initial_settings(self) -> TrainSettings:
        """Return the settings of the initial learning: the rounds' preset, inputs and network.

        Raises
        ------
        SettingsError
            When ``initial.settings`` has other inputs or another network than the rounds.
        """
        where = f"{self.name}, initial"
        campaign = CampaignSettings.read(self.campaign, self.name, self.preset)
        shared = _shared(campaign.training())
        base = TrainSettings.read(shared, where, campaign.preset)
        settings = TrainSettings.read(self.initial.settings, where, base=base)
        if unlike := difference(_shared(settings), shared):
            raise SettingsError(
                where, f"{unlike} as in the rounds", "set it in campaign.train, for both"
            )
        return settings

    def check(self, where: str | Path) -> None:
        """Refuse settings that the cases cannot have side by side.

        Raises
        ------
        SettingsError
            Naming the case and the setting.
        """
        initial = self.initial_settings()
        for case, budget in product(self.cases, self.budgets):
            settings = self.settings_of(case, budget)
            if settings.cold_start != "random" and case != "IN-AL":
                raise SettingsError(
                    where,
                    f"{case} cannot begin with cold_start = '{settings.cold_start}'",
                    "choose random, or leave the case out: IN-AL alone can",
                )
            if unlike := difference(_shared(settings.training()), _shared(initial)):
                raise SettingsError(
                    where,
                    f"{case} has {unlike} as in the other cases",
                    "set it in campaign.train, for all",
                )


def is_case_study(path: Path) -> bool:
    """Tell whether a file describes a study of cases rather than of supervised trainings."""
    return "budgets" in read_toml(path, "see the folder experiments/")


def read_case_study(path: Path) -> CaseStudy:
    """Return the study in a TOML file.

    Raises
    ------
    SettingsError
        When the file is missing, is not TOML, or holds an unknown key or a value out of range.
    """
    try:
        study = CaseStudy(**read_toml(path, "see the folder experiments/"))
    except ValidationError as error:
        raise settings_fault(error, CaseStudy, path, "mend this key", "study") from error
    study.check(path)
    return study


def _shared(settings: TrainSettings) -> dict[str, Any]:
    """Return what all trainings of a study have in common: their cells are prepared once."""
    return settings.model_dump(include={"inputs", "network", "options"})


def run_case_study(
    study: CaseStudy,
    project: Project,
    into: Path,
    *,
    cases: Sequence[str] = (),
    engine: Engine = one_after_another,
    progress: Progress = silent,
) -> Path:
    """Run what is not yet done of a study and return its directory.

    Each campaign has a directory ``CASE/seed-S/budget-PERCENT``; finished ones are kept, an
    interrupted one goes on. Budgets are run from small to large. Cases, budgets and seeds may come
    and go; nothing else may change.

    Parameters
    ----------
    study : CaseStudy
    project : Project
    into : Path
        Where the directory named after the study is made.
    cases : sequence of str
        Run these alone, so that processes can share a study; empty runs all.
    engine : Engine
        Does the campaigns, each after the initial learning of its seed where it has one.
    progress : Progress

    Raises
    ------
    SettingsError
        When a campaign cannot be run with its settings, or the directory holds one with others.
    ProjectError
        When the directory holds a campaign on other cells.
    """
    unknown = sorted(set(cases) - set(study.cases))
    if unknown:
        raise SettingsError(
            study.name, f"has no case '{unknown[0]}'", f"choose from {', '.join(study.cases)}"
        )
    study.check(study.name)
    root = into.resolve() / study.name
    root.mkdir(parents=True, exist_ok=True)
    check_same_study(root, study)
    _check_campaigns(study, project, root, progress)
    with alone(root / "study.json"):
        write_json(root / "study.json", study.model_dump())
    asked, of = study.model_dump_json(), project.path.resolve()
    units: list[Unit] = []
    for seed in study.seeds:
        initial = f"initial/seed-{seed}"
        for budget in sorted(study.budgets):
            for case in cases or study.cases:
                folder = campaign_folder(root, case, seed, budget)
                # All labels are learnt once, by the case of random choice where the study has it.
                by = chosen_as(case, budget)
                elsewhere = by != case and by in study.cases
                if elsewhere or (folder / "final" / "final.json").exists():
                    continue
                starts = case.startswith("IN")
                if starts and not any(unit.name == initial for unit in units):
                    units.append(Unit(initial, partial(_learn_first, asked, of, root, seed)))
                name = str(folder.relative_to(root))
                work = partial(_advance, asked, of, root, case, seed, budget)
                units.append(Unit(name, work, (initial,) if starts else ()))
    try:
        engine(units, "campaigns", progress)
    finally:
        _grounds.cache_clear()
        _first.cache_clear()
    return root


def _check_campaigns(study: CaseStudy, project: Project, root: Path, progress: Progress) -> None:
    """Refuse what cannot be run or was run on other terms, before any work."""
    chosen = select(project, study.split, study.pool)
    if study.folds:
        check_unseen(study.initial, project, study.split, chosen, study.name)
    begun: dict[int, list[Path]] = {}
    for seed in study.seeds:
        n_pool = int(_in_pool(study, chosen, seed).sum())
        for case, budget in product(study.cases, study.budgets):
            settings = study.settings_of(case, budget, n_pool)
            settings.sizes(n_pool)
            folder = campaign_folder(root, case, seed, budget)
            if (folder / "campaign.json").exists():
                check_settings(folder, settings)
                begun.setdefault(seed, []).append(folder)
    for grounds in Grounds.of_seeds(study, project, begun, progress=progress):
        given = {
            "patterns": list(project.patterns),
            **given_cells(grounds.pool, grounds.judged),
            "known_labels": grounds.oracle.digest(grounds.pool.cells.ids),
        }
        for folder in begun[grounds.seed]:
            check_given(folder, given)


def _in_pool(study: CaseStudy, chosen: Selection, seed: int) -> NDArray[np.bool_]:
    """Return which cells a seed chooses from: all but those of its fold."""
    if not study.folds:
        return np.ones(len(chosen), dtype=bool)
    columns = (chosen.ids.tolist(), chosen.patterns.tolist(), chosen.specimens.tolist())
    folds = specimen_folds(*columns, k=study.folds, seed=0)
    return ~np.isin(chosen.ids, folds[f"fold-{seed % study.folds}"])


@lru_cache(maxsize=1)
def _grounds(
    asked: str, project: Place, seed: int | None, progress: Callable[..., None]
) -> Grounds:
    """Return what this process has prepared for a seed already, or prepare it."""
    study = CaseStudy.model_validate_json(asked)
    seed = study.seeds[0] if seed is None else seed
    return Grounds.prepare(study, Project.open(project), seed, progress=progress)


@lru_cache(maxsize=1)
def _first(
    asked: str, project: Place, root: Path, seed: int, progress: Callable[..., None]
) -> tuple[Classifier, LabelledCells]:
    return _grounds_of(asked, project, seed, progress).learn_first(root, seed)


def _grounds_of(asked: str, project: Place, seed: int, progress: Callable[..., None]) -> Grounds:
    # Seeds differ in their cells only where they differ in the specimens kept out.
    folds = CaseStudy.model_validate_json(asked).folds
    return _grounds(asked, project, seed if folds else None, progress)


def _learn_first(
    asked: str, project: Place, root: Path, seed: int, progress: Callable[..., None]
) -> None:
    _first(asked, project, root, seed, progress)


def _advance(
    asked: str,
    project: Place,
    root: Path,
    case: str,
    seed: int,
    budget: float,
    progress: Callable[..., None],
) -> None:
    """Bring one campaign to its end."""
    grounds = _grounds_of(asked, project, seed, progress)
    first = _first(asked, project, root, seed, progress) if case.startswith("IN") else None
    study = grounds.study
    about = {"study": study.name, "case": case, "synthetic": grounds.project.is_synthetic}
    folder = campaign_folder(root, case, seed, budget)
    settings = study.settings_of(case, budget, len(grounds.pool))  # type: ignore[arg-type]
    campaign = grounds.campaign(folder, settings, seed, first, about)
    campaign.advance(grounds.oracle)


@dataclass(frozen=True)
class Grounds:
    """What all campaigns of a seed have in common: cells prepared once, and who knows them.

    Attributes
    ----------
    study : CaseStudy
    project : Project
    seed : int
        Whose fold is kept out of the pool; without folds it decides nothing.
    inputs : InputSettings
    pool : Pool
    judged : list of Judged
    oracle : KnownLabels
    progress : Progress
    """

    study: CaseStudy
    project: Project
    seed: int
    inputs: InputSettings
    pool: Pool
    judged: list[Judged]
    oracle: KnownLabels
    progress: Progress

    @classmethod
    def prepare(
        cls, study: CaseStudy, project: Project, seed: int, *, progress: Progress = silent
    ) -> Self:
        """Return the grounds of a study on a project."""
        return next(cls.of_seeds(study, project, [seed], progress=progress))

    @classmethod
    def of_seeds(
        cls, study: CaseStudy, project: Project, seeds: Iterable[int], *, progress: Progress
    ) -> Iterator[Self]:
        """Return the grounds of seeds, one after the other; cells are prepared once, if at all."""
        if not (seeds := list(seeds)):
            return
        inputs = inputs_for(project, study.initial_settings().inputs)
        chosen = select(project, study.split, study.pool)
        if study.test:
            test = select(project, study.split, study.test)
            tested = prepare(project.store(), test.ids, inputs, progress=progress)
        prepared = prepare(project.store(), chosen.ids, inputs, progress=progress)
        for seed in seeds:
            kept = _in_pool(study, chosen, seed)
            inside, out, judged = chosen.rows(kept), chosen.rows(~kept), []
            if study.test:
                known = test.rows(~np.isin(test.specimens, out.specimens))
                if len(known):
                    judged.append(Judged.of("test", tested.take(known.ids), known))
            if study.folds:
                judged.append(Judged.of("unseen", prepared.take(out.ids), out))
            pool = Pool(prepared.take(inside.ids), inside.specimens)
            labels = zip(inside.ids.tolist(), inside.patterns.tolist(), strict=True)
            oracle = KnownLabels(dict(labels))
            yield cls(study, project, seed, inputs, pool, judged, oracle, progress)

    def learn_first(self, root: Path, seed: int) -> tuple[Classifier, LabelledCells]:
        """Return the network that campaigns of a seed start from, and the cells it learnt."""
        run, settings = root / "initial" / f"seed-{seed}", self.study.initial_settings()
        classifier, learnt = learn_first(
            self.study.initial,
            settings,
            self.project,
            self.study.split,
            run,
            seed=seed,
            synthetic=root,
            about={"study": self.study.name},
            progress=self.progress,
        )
        judge_first(
            run, classifier, learnt, self.judged, views=settings.views, progress=self.progress
        )
        return to_start_from(classifier, learnt, seed), learnt

    def campaign(
        self,
        folder: Path,
        settings: CampaignSettings,
        seed: int,
        first: tuple[Classifier, LabelledCells] | None,
        about: dict[str, Any],
    ) -> Campaign:
        """Return a campaign on these cells, with or without an initial network."""
        return Campaign(
            folder,
            self.pool,
            settings,
            self.project.patterns,
            self.inputs,
            seed,
            initial=first[0] if first else None,
            rehearsed=first[1] if first else None,
            judged=self.judged,
            judge_rounds=False,
            about=about,
            progress=self.progress,
        )
