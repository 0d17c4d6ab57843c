"""The rounds of active learning as a state machine on disk; an oracle answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from cellquery.acquisition import Candidates, Query, joined, query_strategy
from cellquery.campaign.began import check_given, check_settings, given_cells
from cellquery.campaign.estimate import estimate_accuracy
from cellquery.campaign.judging import Judged
from cellquery.campaign.oracle import KnownLabels, Oracle
from cellquery.campaign.pool import Pool
from cellquery.campaign.records import (
    Answers,
    RoundFolder,
    corrections_of,
    keep_answers,
    keep_scores,
    read_answers,
    read_corrections,
    round_folder,
    rounds_done,
)
from cellquery.campaign.settings import CampaignSettings
from cellquery.campaign.sight import Scores, Sight, committee, some
from cellquery.campaign.standing import (
    ANNOTATOR,
    alike,
    before_a_network,
    chosen_ahead,
    further,
    keep_standing,
    passed_over,
)
from cellquery.campaign.stopping import USUAL_KAPPA, stabilised, telling_rounds
from cellquery.core import Progress, ProjectError, SettingsError, generator, integer_seed, silent
from cellquery.core.durable import make_folder, write_json, write_table
from cellquery.core.fingerprint import fingerprint
from cellquery.core.provenance import provenance
from cellquery.core.spent import Spent
from cellquery.core.words import counted
from cellquery.metrics import Evaluation, cohen_kappa
from cellquery.models import Classifier
from cellquery.models.fingerprint import network_fingerprint
from cellquery.training import (
    CachedCells,
    LabelledCells,
    TrainSettings,
    fit,
    hold_out,
    predict,
)
from cellquery.training.evaluate import keep_embeddings
from cellquery.training.precision import has_bf16
from cellquery.training.predict import averaged
from cellquery.training.run import fitted_inputs
from cellquery.wavelets import InputSettings, texture


class CampaignBusyError(ProjectError):
    """Another process works on a campaign."""


_NO_ANSWERS = Answers(np.array([], dtype=object), np.array([], dtype=object))

State = Literal["waiting", "done"]


@dataclass
class Campaign:
    """Initial network, first batch, rounds, last training: each step once, in order, on disk.

    Killed at any moment and made again with the same arguments, it goes on where it was and ends
    with the same cells and the same network.

    Parameters
    ----------
    root : Path
        The campaign's folder.
    pool : Pool
    settings : CampaignSettings
    patterns : tuple of str
        The class list; a pattern may stay without labels.
    inputs : InputSettings
        How the pool was prepared.
    seed : int
        Every random draw has a generator of its own from it.
    initial : Classifier or None
        The network after initial learning; without one nothing is frozen.
    rehearsed : LabelledCells or None
        The cells of the initial learning, for ``rehearsal``. They are not part of the budget.
    judged : sequence of Judged
    judge_rounds : bool
        Judge every round's network, not only the last.
    about : dict
        More facts for ``campaign.json``.
    progress : Progress
    """

    root: Path
    pool: Pool
    settings: CampaignSettings
    patterns: tuple[str, ...]
    inputs: InputSettings
    seed: int
    initial: Classifier | None = None
    rehearsed: LabelledCells | None = None
    judged: Sequence[Judged] = ()
    judge_rounds: bool = True
    about: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = silent

    def __post_init__(self) -> None:
        self.budget, self.first, self.per_round = self.settings.sizes(len(self.pool))
        self.strategy = query_strategy(self.settings.strategy, **self.settings.options)
        if self.settings.cold_start != "random" and self.initial is None:
            raise SettingsError(
                "cold_start",
                f"{self.settings.cold_start} needs the embeddings of an initial network",
                "give an initial model or choose random",
            )
        if self.initial is not None:
            if self.initial.patterns != self.patterns:
                raise SettingsError(
                    "initial model",
                    f"names {', '.join(self.initial.patterns)}, not {', '.join(self.patterns)}",
                    "train one for these patterns",
                )
            train = self.settings.training()
            if unlike := self.initial.unlike(train.network, train.options):
                raise SettingsError("initial model", unlike, "name the same in the settings")
            self.inputs = self.initial.inputs
        else:
            self.inputs = fitted_inputs(self.inputs, self.pool.cells.images)
        train = self.settings.training()
        early = self.initial is not None and self.initial.network.has_early
        freezes = early and self.settings.freeze_early
        self.train = train.model_copy(update={"freeze_early": freezes})
        if (companion := self.settings.companion_training()) is not None:
            # What it cannot be taught by is told before anyone labels.
            side = self.inputs.side_px
            image = torch.zeros(1, self.inputs.n_channels, side, side)
            self._untaught(companion, seed=0).network_inputs(image)
        rehearsed = self.rehearsed if self.train.rehearsal else None
        self.sight = Sight(
            self.root / "early",
            self.pool,
            self.train,
            self.initial if freezes else None,
            some(rehearsed, self.settings.rehearsed_cells, self.seed),
            cache_mb=self.settings.cache_mb,
            n_labels=self.budget,
            progress=self._tell,
        )
        if self.sight.whole_rehearsed is None:
            self.train = self.train.model_copy(update={"rehearsal": 0.0})
        self._scores: tuple[int, Scores] | None = None
        self._spent = Spent()

    def _tell(self, task: str, done: int, total: int | None = None) -> None:
        self._spent.tick()
        self.progress(task, done, total)

    def advance(self, oracle: Oracle) -> State:
        """Do all that can be done and return whether answers are waited for or all is done.

        Raises
        ------
        ProjectError
            When another process works on this campaign, or the folder holds another one.
        """
        make_folder(self.root)
        with _alone(self.root):
            self._begin(oracle)
            if not self._audited(oracle):
                self._stand(0, oracle)
                return "waiting"
            while not self._ends(done := rounds_done(self.root)):
                if not self._round(len(done), oracle):
                    return "waiting"
            self._finish(oracle)
            # The cache is the largest of a campaign's files, and nothing asks for it any more.
            rmtree(self.root / "early", ignore_errors=True)
        return "done"

    def _begin(self, oracle: Oracle | None = None) -> None:
        path = self.root / "campaign.json"
        given = {
            "seed": self.seed,
            "patterns": list(self.patterns),
            "budget": self.budget,
            "first": self.first,
            "per_round": self.per_round,
            **self._given,
        }
        if isinstance(oracle, KnownLabels):
            # People may change their answers, which later rounds learn; these do not change.
            given["known_labels"] = oracle.digest(self.pool.cells.ids)
        if path.exists():
            check_settings(self.root, self.settings)
            check_given(self.root, given)
            return
        settings = {"settings": self.settings.model_dump(), **self.settings.resolved()}
        about = {**self.about, "has_bf16": has_bf16(), **provenance()}
        write_json(path, {**settings, **given, "about": about})

    @cached_property
    def _given(self) -> dict[str, Any]:
        """Fingerprints of the cells and the network that it is given."""
        initial, rehearsed = self.initial, self.rehearsed
        return {
            **given_cells(self.pool, self.judged),
            "initial_network": None if initial is None else network_fingerprint(initial),
            "rehearsed_cells": None
            if rehearsed is None
            else fingerprint(rehearsed.cells.ids, [rehearsed.cells.images, rehearsed.labels]),
        }

    def _audited(self, oracle: Oracle) -> bool:
        """Have the audit cells labelled; return whether they are."""
        path = self.root / "audit.parquet"
        if not self.settings.audit_cells or path.exists():
            return True
        random = generator(self.seed, "audit")
        rows = random.choice(len(self.pool), self.settings.audit_cells, replace=False)
        ids = self.pool.cells.ids[np.sort(rows)].tolist()
        if not (asked := self.root / "audit-query.parquet").exists():
            write_table(asked, {"cell_id": ids})
        answers = oracle.answers(ids)
        if any(cell_id not in answers for cell_id in ids):
            return False
        self._check_patterns(answers[cell_id] for cell_id in ids)
        keep_answers(path, ids, answers)
        return True

    def _audit(self) -> dict[str, str]:
        """Return the audit cells with their first patterns."""
        answers = read_answers(self.root / "audit.parquet")
        return answers.labelled if answers else {}

    def _audit_left(self, rounds: Sequence[Answers]) -> Answers:
        """Return the audit cells that no round has chosen, as these rounds corrected them."""
        answers = read_answers(self.root / "audit.parquet") or _NO_ANSWERS
        chosen = set().union(*(each.ids.tolist() for each in rounds))
        return answers.but(chosen).corrected(self._corrections(len(rounds)))

    def _estimate(self, audit: Mapping[str, str], said: NDArray[np.int64]) -> dict[str, Any] | None:
        """Return how good a network is by what it said of the audit cells; None without any."""
        if not audit:
            return None
        right = np.array([self.patterns[i] for i in said]) == np.array(list(audit.values()))
        return asdict(estimate_accuracy(right))

    def _round(self, number: int, oracle: Oracle) -> bool:
        """Do one round, or what is left of it; return False when answers are missing."""
        folder = round_folder(self.root, number)
        spent = self._spent = Spent(folder.path / "spent.json")
        if folder.query() is None:
            if number:
                with spent.on("scoring"):
                    self._scores_of(number - 1)
            with spent.on("selection"):
                query = self._chosen(number, oracle)
            folder.keep_query(query)
        self._stand(number, oracle)
        if folder.answers() is None and not self._answered(number, folder, oracle):
            return False
        with spent.on("caching"):
            self.sight.prepare()
            rounds = self._answers(number + 1)
            rows, labels = self._labelled(rounds)
            n_trained = sum(len(each) for each in rows)
            cells = self.sight.labelled(rows, labels)
        with spent.on("training"):
            classifier = self._trained(number, folder, cells)
        with spent.on("scoring"):
            scores = self.sight.scores(classifier)
        self._scores = (number, scores)
        facts = self._facts(number, rounds, scores)
        with spent.on("judging"):
            if self.judge_rounds:
                facts["judged"] = self._judge(folder.path, classifier, self.train)
        facts.update(spent.as_dict())
        self.progress("labels", min(n_trained, self.budget), self.budget)
        folder.keep_facts(facts)
        spent.forget()
        return True

    def _answered(self, number: int, folder: RoundFolder, oracle: Oracle) -> bool:
        query = folder.query()
        assert query is not None
        ids = query.ids.tolist()
        answers = {**self._audit(), **oracle.answers(ids)}
        if any(cell_id not in answers for cell_id in ids):
            return False
        earlier = self._answers(number)
        changed = self._changed(earlier, oracle)
        n_labelled = sum(len(each.corrected(changed).labelled) for each in earlier)
        n_labelled += sum(answers[cell_id] is not None for cell_id in ids)
        if n_labelled < self.settings.least_labels():
            return False
        self._check_patterns(answers[cell_id] for cell_id in ids)
        folder.keep_corrections(changed)
        folder.keep_answers(ids, answers)
        return True

    def _changed(self, rounds: Sequence[Answers], oracle: Oracle) -> dict[str, str | None]:
        """Return the answers of these rounds, and of the audit, that are others by now."""
        pairs = [
            pair
            for each in (*rounds, self._audit_left(rounds))
            for pair in zip(each.ids.tolist(), each.patterns.tolist(), strict=True)
        ]
        now = oracle.answers([cell_id for cell_id, _ in pairs])
        # What was taken back and is not answered anew is no longer learnt.
        changed = {each: now.get(each) for each, was in pairs if now.get(each) != was}
        self._check_patterns(changed.values())
        return changed

    def _check_patterns(self, given: Iterable[str | None]) -> None:
        if unknown := {*given} - {None, *self.patterns}:
            raise ProjectError(
                self.root,
                f"a cell was given the pattern '{min(map(str, unknown))}'",
                f"choose from {', '.join(self.patterns)}",
            )

    def _answers(self, n_rounds: int) -> list[Answers]:
        """Return the answers of the first rounds, as corrected by the last of them."""
        changed = self._corrections(n_rounds)
        found = [round_folder(self.root, number).answers() for number in range(n_rounds)]
        return [each.corrected(changed) for each in found if each is not None]

    def _corrections(self, n_rounds: int) -> dict[str, str | None]:
        """Return the answers that the first rounds changed."""
        return corrections_of(round_folder(self.root, number) for number in range(n_rounds))

    def _labelled(
        self, rounds: Sequence[Answers]
    ) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Return the labelled cells of each round by their rows, and the labels of all."""
        rows = [self.pool.rows(each.labelled) for each in rounds]
        names = [pattern for each in rounds for pattern in each.labelled.values()]
        labels = np.array([self.patterns.index(name) for name in names], dtype=np.int64)
        return rows, labels

    def _n_labels(self, rounds: Sequence[Answers]) -> int:
        """Return how much of the budget is spent: each labelled cell once, audit included."""
        return len(set(self._audit()).union(*(each.labelled for each in rounds)))

    def _ends(self, done: Sequence[RoundFolder]) -> str:
        """Return why the campaign ends here, or an empty string."""
        if not done:
            return ""
        rounds = self._answers(len(done))
        if self._n_labels(rounds) >= self.budget:
            return "the budget is spent"
        if sum(len(each.ids) for each in rounds) >= len(self.pool):
            return "no cell is left to choose"
        last = done[-1].facts()
        if self.settings.stop_kappa is not None and last["stabilised"]:
            return "predictions have stabilised"
        return ""

    def _chosen(self, number: int, oracle: Oracle) -> Query:
        """Return a round's cells: those answered ahead of it, and chosen ones to fill it up.

        The first batch is the same for every strategy of one seed.
        """
        rounds = self._answers(number)
        taken = {cell_id for each in rounds for cell_id in each.ids.tolist()}
        most = min(self.per_round, self.budget - self._n_labels(rounds)) if number else self.first
        ahead = self._ahead(number, oracle, taken)
        taken.update(ahead.ids.tolist())
        n_chosen = most - len(ahead)
        if n_chosen <= 0 or len(taken) >= len(self.pool):
            return ahead
        strategy, random = self.strategy, generator(self.seed, "round", number, "selection")
        if not number:
            strategy = query_strategy(self.settings.cold_start)
            random = generator(self.seed, "first batch")
        candidates = self._candidates(number, rounds, taken)
        chosen = strategy.query(candidates, n_chosen, random)
        # While it was chosen, people went on: what they took meanwhile is part of the budget.
        late = self._ahead(number, oracle, taken)
        left = np.flatnonzero(~np.isin(chosen.ids, late.ids))[: max(0, n_chosen - len(late))]
        return joined([ahead, late, chosen.named(strategy.name).rows(left)])

    def _candidates(
        self, number: int, rounds: Sequence[Answers], taken: Container[str]
    ) -> Candidates:
        """Return the cells that a round may choose from, as its strategy sees them."""
        ids = self.pool.cells.ids
        free = np.array([cell_id not in taken for cell_id in ids.tolist()], dtype=bool)
        if not number:
            if self.settings.cold_start == "random" or self.initial is None:
                return Candidates(ids[free], groups=self.pool.specimens[free])
            self.sight.prepare()
            embeddings = self.sight.scores(self.initial).embeddings
            return Candidates(ids[free], embeddings=embeddings[free])
        rows, _ = self._labelled(rounds)
        labelled = np.concatenate(rows)
        scores = self._scores_of(number - 1)
        opinions = None
        if "committee" in self.strategy.needs:
            classifier = Classifier.load(round_folder(self.root, number - 1).model)
            opinions = committee(classifier, scores.embeddings, self.seed, "dropout", number)
        return Candidates(
            ids=ids[free],
            probabilities=scores.probabilities[free],
            embeddings=scores.embeddings[free],
            groups=self.pool.specimens[free],
            committee=None if opinions is None else opinions[:, free],
            labelled_embeddings=scores.embeddings[labelled],
            labelled_groups=self.pool.specimens[labelled],
        )

    def _ahead(self, number: int, oracle: Oracle, taken: Container[str]) -> Query:
        """Return the cells answered before any round asked; none has a utility.

        Audit cells that stood among them come along: see `passed_over`.
        """
        known = self._audit()
        ahead = {
            each: handed_out
            for each, handed_out in oracle.ahead().items()
            if each in self.pool.row and each not in taken and each not in known
        }
        if number and known:
            order = round_folder(self.root, number - 1).standing
            ahead.update(dict.fromkeys(passed_over(order, known, taken, ahead), True))
        by = chosen_ahead(self.root, number, ahead)
        ids = np.array(list(ahead), dtype=object)
        return Query(ids, np.full(len(ids), np.nan), np.array(by, dtype=object))

    def _stand(self, number: int, oracle: Oracle) -> None:
        """Say what may be answered before it is asked for, where the oracle goes ahead."""
        folder = round_folder(self.root, number)
        if not oracle.goes_ahead or folder.standing.exists():
            return
        ids = self.pool.cells.ids
        if number:
            rounds, query = self._answers(number), folder.query()
            assert query is not None
            taken = {cell_id for each in rounds for cell_id in each.ids.tolist()}
            taken.update(query.ids.tolist())
            random = generator(self.seed, "round", number, "standing")
            order = further(
                self.strategy, self._candidates(number, rounds, taken), self.per_round, random
            )
            embeddings = self._scores_of(number - 1).embeddings
        else:
            order = before_a_network(ids.tolist(), self.seed)
            if self.initial is None:
                embeddings = texture(self.pool.cells.images[:, :1])
            else:
                self.sight.prepare()
                scores = self.sight.scores(self.initial)
                embeddings = scores.embeddings
                path = self.root / "initial.parquet"
                keep_scores(path, ids.tolist(), (), scores.probabilities, self.patterns)
        random = generator(self.seed, "round", number, "groups")
        keep_standing(folder.standing, order, ids, alike(embeddings, len(self.patterns), random))

    def _scores_of(self, number: int) -> Scores:
        if self._scores is None or self._scores[0] != number:
            self.sight.prepare()
            classifier = Classifier.load(round_folder(self.root, number).model)
            self._scores = (number, self.sight.scores(classifier))
        return self._scores[1]

    def _trained(self, number: int, folder: RoundFolder, cells: Any) -> Classifier:
        if folder.model.exists():
            return Classifier.load(folder.model)
        classifier = self._start()
        if number and self.settings.restart == "continue":
            classifier = Classifier.load(round_folder(self.root, number - 1).model)
        classifier.provenance = {"campaign": self.root.name, "round": number, "seed": self.seed}
        rehearsed = self.sight.rehearsed
        self._fit(classifier, cells, self.train, rehearsed, folder.path, "round", number)
        return classifier

    def _fit(
        self,
        classifier: Classifier,
        cells: Any,
        settings: TrainSettings,
        rehearsed: LabelledCells | CachedCells | None,
        folder: Path,
        *purpose: str | int,
    ) -> None:
        """Train a classifier on labelled cells and keep it; random draws are the purpose's own."""
        validation = None
        if settings.validation == "labelled":
            cells, validation = hold_out(
                cells, settings.validation_fraction, integer_seed(self.seed, *purpose)
            )
        fit(
            classifier,
            cells,
            settings,
            seed=integer_seed(self.seed, *purpose, "training"),
            validation=validation,
            rehearsed=rehearsed,
            run=folder,
            accelerator="cpu",
            progress=self._tell,
        )
        classifier.save(folder / "model.safetensors")
        (folder / "state.pt").unlink(missing_ok=True)

    def _start(self) -> Classifier:
        """Return a copy of the initial network, or a fresh one."""
        if self.initial is not None:
            return deepcopy(self.initial)
        return self._untaught(self.train, integer_seed(self.seed, "weights"))

    def _facts(self, number: int, rounds: Sequence[Answers], scores: Scores) -> dict[str, Any]:
        """Write ``pool.parquet`` and return what ``round.json`` says beside times and scores."""
        labelled = {cell_id: name for each in rounds for cell_id, name in each.labelled.items()}
        predicted = scores.probabilities.argmax(axis=1)
        keep_scores(
            round_folder(self.root, number).path / "pool.parquet",
            self.pool.cells.ids.tolist(),
            labelled,
            scores.probabilities,
            self.patterns,
        )
        counts = Counter(labelled.values())
        specimens = Counter(str(self.pool.specimens[row]) for row in self.pool.rows(labelled))
        audit = self._audit_left(rounds).labelled
        kappas = [each.facts()["kappa"] for each in rounds_done(self.root)]
        kappas.append(self._kappa(number, predicted))
        empty = [pattern for pattern in self.patterns if not counts[pattern]]
        notes = [f"no labelled cell yet: {', '.join(empty)}"] if empty else []
        if self.sight.note:
            notes.append(self.sight.note)
        if audit and (n_picked := self._n_picked(number)):
            notes.append(
                f"annotators picked {counted(n_picked, 'cell')} themselves, which the estimate "
                "does not allow for"
            )
        return {
            "round": number,
            "n_trained": len(labelled),
            "n_labels": self._n_labels(rounds),
            "n_skipped": sum(len(each.ids) - len(each.labelled) for each in rounds),
            "chosen_by": self.strategy.name if number else self.settings.cold_start,
            "labels_per_pattern": {pattern: counts[pattern] for pattern in self.patterns},
            "labels_per_specimen": dict(sorted(specimens.items())),
            "kappa": kappas[-1],
            "stabilised": stabilised(kappas, self.settings.stop_kappa or USUAL_KAPPA),
            "estimate": self._estimate(audit, predicted[self.pool.rows(audit)]),
            "notes": notes,
        }

    def _n_picked(self, number: int) -> int:
        """Return how many cells up to a round annotators picked, instead of being handed them."""
        queries = [round_folder(self.root, each).query() for each in range(number + 1)]
        return sum(
            int(np.sum(query.chosen_by == ANNOTATOR))
            for query in queries
            if query is not None and query.chosen_by is not None
        )

    def _kappa(self, number: int, predicted: NDArray[np.int64]) -> float | None:
        if not number:
            return None
        now = np.array([self.patterns[index] for index in predicted], dtype=object)
        return round(cohen_kappa(round_folder(self.root, number - 1).predicted(), now), 6)

    def _finish(self, oracle: Oracle) -> None:
        """Train the delivered network and judge it."""
        final = self.root / "final"
        if (final / "final.json").exists():
            return
        make_folder(final)
        done = rounds_done(self.root)
        rounds = self._answers(len(done))
        # Decided once: an interrupted training goes on with the labels that it began with.
        begun = ("corrections.parquet", "state.pt", "model.safetensors")
        if not any((final / name).exists() for name in begun):
            now = self._changed(rounds, oracle)
            keep_answers(final / "corrections.parquet", list(now), now)
        changed = read_corrections(final)
        rounds = [each.corrected(changed) for each in rounds]
        settings = self.settings.final_training()
        spent = self._spent = Spent(final / "spent.json")
        with spent.on("training"):
            if (final / "model.safetensors").exists():
                classifier = Classifier.load(final / "model.safetensors")
            elif settings is None:
                classifier = Classifier.load(done[-1].model)
                classifier.save(final / "model.safetensors")
            else:
                classifier = self._final_training(final, settings, rounds)
            companion = self._companion(final / "companion", rounds)
        networks = [(classifier, (settings or self.train).views), *companion]
        self._judge_stopping(done)
        judged = self._judge_delivered(final, networks)
        audit = self._audit_left(rounds).corrected(changed).labelled
        estimate = None
        if audit:
            cells = self.pool.cells.rows(self.pool.rows(audit))
            said = averaged([predict(each, cells, views=views) for each, views in networks])
            estimate = self._estimate(audit, said.labels)
        facts = {
            "ended": self._ends(done),
            "n_labels": self._n_labels(rounds),
            "n_trained": sum(len(each.labelled) for each in rounds),
            "estimate": estimate,
            "judged": judged,
            **spent.as_dict(),
        }
        write_json(final / "final.json", facts)
        spent.forget()

    def _final_training(
        self, final: Path, settings: TrainSettings, rounds: Sequence[Answers]
    ) -> Classifier:
        classifier = self._start()
        self._fit_all(classifier, settings, rounds, final, "final")
        return classifier

    def _companion(
        self, folder: Path, rounds: Sequence[Answers]
    ) -> tuple[tuple[Classifier, int], ...]:
        """Return the network of another kind that learns all labels and its views, if any."""
        settings = self.settings.companion_training()
        if settings is None:
            return ()
        if (path := folder / "model.safetensors").exists():
            return ((Classifier.load(path), settings.views),)
        make_folder(folder)
        classifier = self._untaught(settings, integer_seed(self.seed, "companion"))
        self._fit_all(classifier, settings, rounds, folder, "companion")
        return ((classifier, settings.views),)

    def _untaught(self, settings: TrainSettings, seed: int) -> Classifier:
        return Classifier.fresh(
            self.patterns,
            self.inputs,
            seed=seed,
            network=settings.network,
            options=settings.options,
        )

    def _fit_all(
        self,
        classifier: Classifier,
        settings: TrainSettings,
        rounds: Sequence[Answers],
        folder: Path,
        purpose: str,
    ) -> None:
        """Train a classifier on all labels and keep it."""
        rows, labels = self._labelled(rounds)
        cells = LabelledCells(self.pool.cells.rows(np.concatenate(rows)), labels)
        if self.rehearsed is None:
            settings = settings.model_copy(update={"rehearsal": 0.0})
        classifier.provenance = {"campaign": self.root.name, "seed": self.seed}
        self._fit(classifier, cells, settings, self.rehearsed, folder, purpose)

    def _judge_stopping(self, done: Sequence[RoundFolder]) -> None:
        """Judge the rounds that tell what stopping early loses; see `what_stopping_costs`."""
        kappas = [each.facts()["kappa"] for each in done]
        told = [] if self.judge_rounds else telling_rounds(kappas, self.settings.stop_kappa)
        for folder in (done[number] for number in told):
            self._judge(folder.path, Classifier.load(folder.model), self.train)

    def _judge(
        self, folder: Path, classifier: Classifier, settings: TrainSettings
    ) -> dict[str, dict[str, Any]]:
        """Judge a network, keep the judgements in a folder, and return their main figures."""
        return {
            part.name: _figures(
                part.judge(classifier, folder, views=settings.views, progress=self.progress)[0]
            )
            for part in self.judged
        }

    def _judge_delivered(
        self, final: Path, networks: Sequence[tuple[Classifier, int]]
    ) -> dict[str, dict[str, Any]]:
        """Judge what is delivered, as `_judge` does; with a companion the mean, and each alone."""
        folders = [final / "network", final / "companion"] if len(networks) > 1 else [final]
        figures = {}
        for part in self.judged:
            said = []
            for folder, (classifier, views) in zip(folders, networks, strict=True):
                make_folder(folder)
                evaluation, predictions = part.judge(
                    classifier, folder, views=views, progress=self.progress
                )
                said.append(predictions)
            if len(said) > 1:
                evaluation, predictions = part.judge_mean(said, final)
            keep_embeddings(final, part.name, predictions, part.patterns)
            figures[part.name] = _figures(evaluation)
        return figures


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    values = evaluation.as_dict()
    return {key: values[key] for key in ("aca", "mca", "recall")}


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the campaign's lock."""
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CampaignBusyError(
            root, "another process works on this campaign", "wait for it or stop it first"
        ) from error
    try:
        yield
    finally:
        lock.release()
