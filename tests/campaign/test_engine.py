from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from cellquery.campaign import Campaign, CampaignSettings, Judged, KnownLabels, Pool
from cellquery.campaign.delivered import delivered
from cellquery.campaign.records import RoundFolder, keep_answers, read_answers, rounds_done
from cellquery.campaign.stopping import what_stopping_costs
from cellquery.core import AcquisitionError, ProjectError, SettingsError
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import LabelledCells, predict
from cellquery.training.predict import averaged

from .conftest import PATTERNS, TRAIN, campaign, settings_with


class Slow:
    """An oracle that answers at most so many new cells each time it is asked."""

    goes_ahead = False

    def __init__(self, known: KnownLabels, at_once: int) -> None:
        self.known, self.at_once = known, at_once
        self.given: dict[str, str | None] = {}

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        waiting = [cell_id for cell_id in ids if cell_id not in self.given]
        self.given.update(self.known.answers(waiting[: self.at_once]))
        return {cell_id: self.given[cell_id] for cell_id in ids if cell_id in self.given}

    def ahead(self) -> Mapping[str, bool]:
        return {}


class People:
    """An oracle that says what it was told so far."""

    goes_ahead = True

    def __init__(self) -> None:
        self.said: dict[str, str | None] = {}

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        return {cell_id: self.said[cell_id] for cell_id in ids if cell_id in self.said}

    def ahead(self) -> Mapping[str, bool]:
        return dict.fromkeys(self.said, True)


def trace(root: Path) -> dict[str, Any]:
    """All that a campaign came to but times."""
    found: dict[str, Any] = {}
    for folder in rounds_done(root):
        query, facts = folder.query(), folder.facts()
        assert query is not None
        for clock in ("seconds", "cpu_seconds"):
            facts.pop(clock)
        found[folder.path.name] = (query.ids.tolist(), query.utilities.tolist(), facts)
    final = json.loads((root / "final" / "final.json").read_text())
    for clock in ("seconds", "cpu_seconds"):
        final.pop(clock)
    found["final"] = final
    return found


def test_rounds_spend_exactly_the_budget(
    tmp_path: Path, pool: Pool, known: KnownLabels, judged: list[Judged]
) -> None:
    settings = settings_with(budget=35, strategy="margin")
    assert campaign(tmp_path, pool, settings, judged=judged).advance(known) == "done"
    rounds = rounds_done(tmp_path)
    assert [folder.facts()["n_labels"] for folder in rounds] == [10, 20, 30, 35]
    chosen = [cell_id for folder in rounds for cell_id in folder.query().ids]  # type: ignore[union-attr]
    assert len(set(chosen)) == 35
    facts = rounds[-1].facts()
    assert sum(facts["labels_per_pattern"].values()) == 35
    assert sum(facts["labels_per_specimen"].values()) == 35
    for clock in ("seconds", "cpu_seconds"):
        assert set(facts[clock]) == {"selection", "caching", "training", "scoring", "judging"}
    assert 0 <= facts["judged"]["test"]["mca"] <= 1
    for name in ("query.parquet", "labels.parquet", "pool.parquet", "model.safetensors"):
        assert (rounds[0].path / name).exists()
    final = json.loads((tmp_path / "final" / "final.json").read_text())
    assert final["ended"] == "the budget is spent"
    assert Classifier.load(tmp_path / "final" / "model.safetensors").patterns == PATTERNS


def test_a_companion_learns_all_labels_and_the_mean_is_judged(
    tmp_path: Path,
    pool: Pool,
    known: KnownLabels,
    initial: Classifier,
    earlier: LabelledCells,
    judged: list[Judged],
) -> None:
    companion = {
        "network": "texture-svm",
        "rehearsal": 0.5,
        "views": 1,
        "augmentation": {"rotation": "none", "flips": False},
    }
    common = {"initial": initial, "rehearsed": earlier, "judged": judged}
    last: dict[str, Any] = {"final": TRAIN, "audit_cells": 10}
    with_it, without = tmp_path / "with" / "cells", tmp_path / "without" / "cells"
    settings = settings_with(companion=companion, **last)
    campaign(with_it, pool, settings, **common).advance(known)
    campaign(without, pool, settings_with(**last), **common).advance(known)
    both, one = with_it / "final", without / "final"

    # Rounds and network are those of the campaign without it.
    assert trace(with_it).keys() == trace(without).keys()
    for number in rounds_done(with_it):
        other = without / "rounds" / number.path.name / "model.safetensors"
        assert number.model.read_bytes() == other.read_bytes()
    found = delivered(with_it)
    assert found.companion == (both / "companion" / "model.safetensors", 1)
    assert delivered(without).companion is None
    alone, beside, mean = (
        pq.read_table(folder / "predictions-test.parquet")
        for folder in (both / "network", both / "companion", both)
    )
    assert alone.equals(pq.read_table(one / "predictions-test.parquet"))
    for pattern in PATTERNS:
        name = f"p_{pattern}"
        np.testing.assert_allclose(
            mean[name].to_numpy(), (alone[name].to_numpy() + beside[name].to_numpy()) / 2, atol=1e-6
        )
    final = json.loads((both / "final.json").read_text())
    evaluation = json.loads((both / "evaluation-test.json").read_text())
    assert final["judged"]["test"]["mca"] == evaluation["mca"]
    # What the audit says is of the mean as well.
    audit, chosen = read_answers(with_it / "audit.parquet"), rounds_done(with_it)
    assert audit is not None
    left = audit.but({cell_id for each in chosen for cell_id in each.query().ids})  # type: ignore[union-attr]
    cells = pool.cells.rows(pool.rows(left.labelled))
    folders = (both, both / "companion")
    models = [Classifier.load(folder / "model.safetensors") for folder in folders]
    says = averaged([predict(model, cells) for model in models]).labels
    right = [PATTERNS[i] == name for i, name in zip(says, left.labelled.values(), strict=True)]
    assert final["estimate"]["accuracy"] == pytest.approx(np.mean(right))
    assert models[1].network.name == "texture-svm"

    # Ended between network and companion, it goes on with the latter.
    (both / "final.json").unlink()
    weights = (both / "companion" / "model.safetensors").read_bytes()
    shutil.rmtree(both / "companion")
    campaign(with_it, pool, settings, **common).advance(known)
    assert (both / "companion" / "model.safetensors").read_bytes() == weights
    assert json.loads((both / "final.json").read_text())["judged"] == final["judged"]
    with pytest.raises(SettingsError, match="holds a campaign with companion = "):
        campaign(with_it, pool, settings_with(**last), **common).advance(known)


def test_a_companion_that_cannot_learn_such_cells_is_refused_at_once(
    tmp_path: Path, pool: Pool
) -> None:
    inputs = {**TRAIN["inputs"], "normalisation": "dataset"}
    settings = settings_with(
        train={**TRAIN, "inputs": inputs}, companion={"network": "texture-svm"}
    )
    with pytest.raises(SettingsError, match="network 'texture-svm' cannot use 'dataset'"):
        campaign(tmp_path, pool, settings)
    with pytest.raises(SettingsError, match="companion"):
        settings_with(companion={"network": "no-such"})


@pytest.mark.parametrize("strategy", ["random", "badge", "committee", "typiclust"])
def test_every_kind_of_strategy_drives_a_campaign(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier, strategy: str
) -> None:
    settings = settings_with(strategy=strategy, budget=20)
    campaign(tmp_path, pool, settings, initial=initial).advance(known)
    assert rounds_done(tmp_path)[-1].facts()["chosen_by"] == strategy


def test_the_first_batch_is_the_same_for_every_strategy(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    first = []
    for strategy in ("random", "margin"):
        root = tmp_path / strategy
        settings = settings_with(strategy=strategy, budget=10, first=10)
        campaign(root, pool, settings).advance(known)
        first.append(rounds_done(root)[0].query().ids.tolist())  # type: ignore[union-attr]
    assert first[0] == first[1]


def test_cached_and_uncached_rounds_agree(
    tmp_path: Path,
    pool: Pool,
    known: KnownLabels,
    initial: Classifier,
    earlier: LabelledCells,
    judged: list[Judged],
) -> None:
    said = []
    for cache_mb in (100, 0):
        root = tmp_path / str(cache_mb)
        settings = settings_with(cache_mb=cache_mb, train={**TRAIN, "rehearsal": 1.0})
        made = campaign(root, pool, settings, initial=initial, rehearsed=earlier, judged=judged)
        made.advance(known)
        said.append([folder.facts() for folder in rounds_done(root)])
        assert made.sight.cached == bool(cache_mb)
    assert "the cache needs" in said[1][0]["notes"][-1]
    for cached, whole in zip(*said, strict=True):
        assert cached["judged"]["test"]["aca"] == pytest.approx(
            whole["judged"]["test"]["aca"], abs=0.04
        )


def test_rounds_leave_the_early_layers_as_they_were(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    campaign(tmp_path, pool, settings_with(budget=20), initial=initial).advance(known)
    before = initial.network.state_dict()
    after = Classifier.load(rounds_done(tmp_path)[-1].model).network.state_dict()
    assert all((before[name] == after[name]).all() for name in before if ".early." in name)
    assert any((before[name] != after[name]).any() for name in before if ".late." in name)


def test_a_final_training_starts_anew_with_all_labels(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier, earlier: LabelledCells
) -> None:
    settings = settings_with(final={**TRAIN, "rehearsal": 0.5}, restart="initial")
    campaign(tmp_path, pool, settings, initial=initial, rehearsed=earlier).advance(known)
    before = initial.network.state_dict()
    after = Classifier.load(tmp_path / "final" / "model.safetensors").network.state_dict()
    assert any((before[name] != after[name]).any() for name in before if ".early." in name)
    assert (tmp_path / "final" / "epochs.jsonl").exists()


def test_people_may_answer_bit_by_bit(tmp_path: Path, pool: Pool, known: KnownLabels) -> None:
    settings = settings_with(audit_cells=5)
    campaign(tmp_path / "at-once", pool, settings).advance(known)
    slow, root = Slow(known, 4), tmp_path / "slow"
    states = []
    while not states or states[-1] == "waiting":
        states.append(campaign(root, pool, settings).advance(slow))
    assert len(states) > 8
    assert trace(root) == trace(tmp_path / "at-once")


def test_a_campaign_begun_before_it_said_what_chose_each_cell_goes_on(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    settings = settings_with(budget=20)
    assert campaign(tmp_path, pool, settings).advance(Slow(known, 4)) == "waiting"
    path = tmp_path / "rounds" / "000" / "query.parquet"
    pq.write_table(pq.read_table(path).drop_columns("chosen_by"), path)
    assert campaign(tmp_path, pool, settings).advance(known) == "done"


def test_cells_that_cannot_be_labelled_cost_nothing_and_do_not_come_again(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    some = KnownLabels({k: v for i, (k, v) in enumerate(known.patterns.items()) if i % 2})
    campaign(tmp_path, pool, settings_with(budget=30), seed=0).advance(some)
    facts = rounds_done(tmp_path)[-1].facts()
    assert facts["n_labels"] == 30
    assert facts["n_skipped"] > 10


def test_a_pool_smaller_than_a_batch_is_labelled_whole(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    few = Pool(PreparedCells(pool.cells.ids[:25], pool.cells.images[:25]), pool.specimens[:25])
    campaign(tmp_path, few, settings_with(budget=1000, per_round=500)).advance(known)
    assert rounds_done(tmp_path)[-1].facts()["n_labels"] == 25


def test_an_audit_counts_in_the_budget_and_never_trains(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    campaign(tmp_path, pool, settings_with(budget=50, audit_cells=20)).advance(known)
    facts = rounds_done(tmp_path)[-1].facts()
    audit = read_answers(tmp_path / "audit.parquet")
    assert audit is not None
    chosen = {k for folder in rounds_done(tmp_path) for k in folder.query().ids}  # type: ignore[union-attr]
    both = chosen & set(audit.ids)
    assert facts["n_labels"] == 50 == len(chosen | set(audit.ids))
    assert facts["n_trained"] == len(chosen)
    assert facts["estimate"]["n_cells"] == 20 - len(both)
    assert facts["estimate"]["low"] <= facts["estimate"]["accuracy"] <= facts["estimate"]["high"]


def test_stabilised_predictions_end_a_campaign_early(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    still = {**TRAIN, "learning_rate": 1e-9}
    settings = settings_with(budget=100, stop_kappa=0.9, train=still, restart="initial")
    campaign(tmp_path, pool, settings, initial=initial).advance(known)
    final = json.loads((tmp_path / "final" / "final.json").read_text())
    assert final["ended"] == "predictions have stabilised"
    assert final["n_labels"] < 100


def test_what_stopping_would_have_saved_and_lost_is_known_where_it_only_recorded(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier, judged: list[Judged]
) -> None:
    still = {**TRAIN, "learning_rate": 1e-9}
    settings = settings_with(budget=60, train=still, restart="initial")
    made = campaign(tmp_path, pool, settings, initial=initial, judged=judged, judge_rounds=False)
    made.advance(known)
    said = {each.kappa: each for each in what_stopping_costs(tmp_path)}
    assert list(said) == [0.9, 0.95, 0.98, 0.99]
    assert (said[0.99].round, said[0.99].n_labels, said[0.99].n_saved) == (3, 40, 20)
    assert said[0.99].lost == {"test": pytest.approx(0, abs=0.1)}
    judged_rounds = sorted(tmp_path.glob("rounds/*/evaluation-test.json"))
    assert [path.parent.name for path in judged_rounds] == ["003", "005"]


def test_embeddings_of_judged_cells_are_kept_with_the_delivered_network(
    tmp_path: Path, pool: Pool, known: KnownLabels, judged: list[Judged]
) -> None:
    campaign(tmp_path, pool, settings_with(budget=20), judged=judged).advance(known)
    kept = pq.read_table(tmp_path / "final" / "embeddings-test.parquet")
    assert kept["cell_id"].to_pylist() == judged[0].cells.ids.tolist()
    assert kept["pattern"].to_pylist() == list(judged[0].patterns)
    assert np.array(kept["embedding"].to_pylist()).shape == (30, 128)
    assert not list(tmp_path.glob("rounds/*/embeddings-*"))


def test_a_pattern_without_labels_is_noted(tmp_path: Path, pool: Pool, known: KnownLabels) -> None:
    two = KnownLabels({k: v for k, v in known.patterns.items() if v != "golgi"})
    campaign(tmp_path, pool, settings_with(budget=20)).advance(two)
    assert "no labelled cell yet: golgi" in rounds_done(tmp_path)[-1].facts()["notes"]


def test_the_paper_takes_validation_cells_out_of_the_labels(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    stopping = {**TRAIN, "validation": "labelled", "patience": 1, "max_epochs": 2}
    campaign(tmp_path, pool, settings_with(train=stopping, budget=20)).advance(known)
    epochs = (rounds_done(tmp_path)[0].path / "epochs.jsonl").read_text().splitlines()
    assert json.loads(epochs[0])["validation_loss"] is not None
    assert rounds_done(tmp_path)[-1].facts()["n_labels"] == 20


def test_changed_cells_are_refused(tmp_path: Path, pool: Pool, known: KnownLabels) -> None:
    campaign(tmp_path, pool, settings_with(budget=10)).advance(known)
    images = pool.cells.images.copy()
    images[3, 0, 0, 0] += 1
    other = Pool(PreparedCells(pool.cells.ids, images), pool.specimens)
    with pytest.raises(ProjectError, match="cells of the pool or their images have changed"):
        campaign(tmp_path, other, settings_with(budget=10)).advance(known)


def test_other_settings_in_the_same_folder_are_refused(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    campaign(tmp_path, pool, settings_with(budget=10)).advance(known)
    with pytest.raises(SettingsError, match=r"campaign with budget = "):
        campaign(tmp_path, pool, settings_with(budget=20)).advance(known)
    with pytest.raises(ProjectError, match="other seed"):
        campaign(tmp_path, pool, settings_with(budget=10), seed=4).advance(known)


def test_two_processes_cannot_work_on_one_campaign(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(ProjectError, match="another process"):
        campaign(tmp_path, pool, settings_with()).advance(known)


def test_scores_that_are_not_numbers_stop_a_campaign_and_lose_nothing(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(budget=20)
    once = campaign(tmp_path, pool, settings, initial=initial)
    once._begin()
    assert once._round(0, known)
    assert once._scores is not None
    once._scores[1].probabilities[5] = np.nan
    with pytest.raises(AcquisitionError, match="not finite"):
        once._round(1, known)
    again = campaign(tmp_path, pool, settings, initial=initial)
    assert again.advance(known) == "done"
    assert len(rounds_done(tmp_path)) == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"budget": 5, "first": 10}, "fewer than the first batch"),
        ({"budget": 12, "first": 10, "audit_cells": 5}, "5 audit cells"),
        ({"cold_start": "typiclust"}, "initial network"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, pool: Pool, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        campaign(tmp_path, pool, settings_with(**changes))


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"stategy": "margin"}, "stategy"),
        ({"strategy": "best"}, "no strategy 'best'"),
        ({"options": {"cap": 3}}, "no option 'cap'"),
        ({"train": {"epochs": 3}}, "epochs"),
        ({"final": {"lr": 3}}, "lr"),
        ({"budget": 0}, "budget"),
    ],
)
def test_unknown_keys_are_refused(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        CampaignSettings.read(values, "test")


def test_the_last_training_goes_on_with_the_network_of_the_rounds() -> None:
    values = {"train": {"max_epochs": 2}, "final": {"network": "dcr-net", "max_epochs": 3}}
    final = CampaignSettings.read(values, "test").final_training()
    assert final is not None
    assert (final.network, final.max_epochs) == ("parallel", 3)
    assert final.options == {"shortcut": "projection"}


def test_shares_and_numbers_of_cells() -> None:
    paper = CampaignSettings.read({"budget": 10152, "first": 1500, "per_round": 1000}, "test")
    assert paper.sizes(50758) == (10152, 1500, 1000)
    assert CampaignSettings(budget=0.2).sizes(50758) == (10152, 1523, 1015)


def asked(root: Path, number: int) -> list[str]:
    query = RoundFolder(root / "rounds" / f"{number:03}").query()
    assert query is not None
    return query.ids.tolist()


def after_a_round(made: Campaign, people: People, known: KnownLabels) -> list[str]:
    """Let people answer for the audit and the first round; return the audit cells."""
    made.advance(people)
    audit: list[str] = pq.read_table(made.root / "audit-query.parquet")["cell_id"].to_pylist()
    people.said.update(known.answers(audit))
    made.advance(people)
    people.said.update(known.answers(asked(made.root, 0)))
    made.advance(people)
    return audit


def test_cells_labelled_ahead_join_the_next_round_and_count(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    settings = settings_with(budget=24, first=8, per_round=8)
    people, made = People(), campaign(tmp_path, pool, settings)
    before = pool.cells.ids.tolist()[100:103]
    people.said.update(known.answers(before))
    assert made.advance(people) == "waiting"
    assert asked(tmp_path, 0)[:3] == before
    meanwhile = [i for i in pool.cells.ids.tolist() if i not in asked(tmp_path, 0)][:5]
    people.said.update(known.answers([*asked(tmp_path, 0), *meanwhile]))
    assert made.advance(people) == "waiting"
    assert asked(tmp_path, 1)[:5] == meanwhile
    assert len(asked(tmp_path, 1)) == 8
    people.said.update(known.answers(asked(tmp_path, 1)))
    assert made.advance(people) == "waiting"
    people.said.update(known.answers(asked(tmp_path, 2)))
    assert made.advance(people) == "done"
    assert json.loads((tmp_path / "final" / "final.json").read_text())["n_labels"] == 24


def test_audit_cells_join_the_cells_that_were_handed_out_around_them(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(budget=60, first=8, per_round=20, audit_cells=20)
    people, made = People(), campaign(tmp_path, pool, settings, initial=initial)
    audit = set(after_a_round(made, people, known))
    people.said.update(known.answers(asked(tmp_path, 1)))
    standing = RoundFolder(tmp_path / "rounds" / "001").standing
    order = pq.read_table(standing)["cell_id"].to_pylist()
    left = [each for each in order if each not in people.said]
    people.said.update(known.answers(left[:10]))
    made.advance(people)
    last = order.index(left[9])
    assert set(asked(tmp_path, 2)) >= set(left[:10]) | (audit & set(order[:last]))
    estimate = rounds_done(tmp_path)[-1].facts()["estimate"]
    assert estimate["n_cells"] == len(audit - {*asked(tmp_path, 0), *asked(tmp_path, 1)})


def test_cells_taken_while_a_batch_is_chosen_are_part_of_it(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    taken = pool.cells.ids.tolist()[100:103]

    class Quick(People):
        """Whose cells are at hand only when they are asked for the second time."""

        n_asked = 0

        def ahead(self) -> Mapping[str, bool]:
            self.n_asked += 1
            return dict.fromkeys(taken, False) if self.n_asked == 2 else {}

    made = campaign(tmp_path, pool, settings_with(budget=24, first=8))
    assert made.advance(Quick()) == "waiting"
    query = RoundFolder(tmp_path / "rounds" / "000").query()
    assert query is not None
    assert query.ids.tolist()[:3] == taken
    assert len(set(query.ids.tolist())) == 8
    assert query.chosen_by is not None
    assert query.chosen_by.tolist() == ["annotator"] * 3 + ["random"] * 5


def test_what_may_be_answered_ahead_is_the_strategys_next_choice(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(
        budget=60, first=8, per_round=8, strategy="badge", options={"random_share": 0.25}
    )
    people, made = People(), campaign(tmp_path, pool, settings, initial=initial)
    made.advance(people)
    people.said.update(known.answers(asked(tmp_path, 0)))
    made.advance(people)
    folder = RoundFolder(tmp_path / "rounds" / "001")
    standing = pq.read_table(folder.standing)
    ids, by = standing["cell_id"].to_pylist(), standing["chosen_by"].to_pylist()
    assert sorted(ids) == sorted(pool.cells.ids.tolist())
    assert by[:16] == (["badge"] * 6 + ["random"] * 2) * 2
    assert set(by[16:-16]) == {"margin"}
    assert by[-16:] == [None] * 16, "answered or asked for"
    assert set(ids[-16:]) == {*asked(tmp_path, 0), *asked(tmp_path, 1)}
    sizes = Counter(standing["group"].to_pylist())
    assert [sizes[group] for group in range(len(sizes))] == sorted(sizes.values(), reverse=True)
    # What the initial network says is kept: it has learnt none of the cells.
    initial_said = pq.read_table(tmp_path / "initial.parquet")
    assert not any(initial_said["labelled"].to_pylist())
    rows = np.array(initial_said["probabilities"].to_pylist())
    assert rows.shape == (len(pool), len(PATTERNS))
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_a_changed_answer_is_learnt_from_then_on(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(budget=24, first=8, per_round=8)
    people, made = People(), campaign(tmp_path, pool, settings, initial=initial)
    made.advance(people)
    first = asked(tmp_path, 0)
    people.said.update(dict.fromkeys(first[1:], "golgi") | {first[0]: None})
    made.advance(people)
    people.said.update({first[0]: "golgi", first[1]: "nucleolar", first[2]: None})
    people.said.update(known.answers(asked(tmp_path, 1)))
    made.advance(people)
    one, two = (folder.facts()["labels_per_pattern"] for folder in rounds_done(tmp_path))
    now = Counter(known.answers(asked(tmp_path, 1)).values())
    assert one["golgi"] == 7
    assert two["golgi"] == 6 + now["golgi"]
    assert two["nucleolar"] == 1 + now["nucleolar"]
    folder = RoundFolder(tmp_path / "rounds" / "001")
    assert folder.corrections() == {first[0]: "golgi", first[1]: "nucleolar", first[2]: None}
    # The last training learns what was corrected after the last round.
    people.said.update(dict.fromkeys(asked(tmp_path, 2), "golgi"))
    people.said[first[3]] = None
    assert made.advance(people) == "waiting"
    people.said.update(dict.fromkeys(asked(tmp_path, 3), "golgi"))
    assert made.advance(people) == "done"


def test_an_answer_that_is_taken_back_is_learnt_no_more(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(budget=16, first=8, per_round=8)
    people, made = People(), campaign(tmp_path, pool, settings, initial=initial)
    made.advance(people)
    first = asked(tmp_path, 0)
    people.said.update(dict.fromkeys(first, "golgi"))
    made.advance(people)
    del people.said[first[0]]
    people.said.update(dict.fromkeys(asked(tmp_path, 1), "nucleolar"))
    made.advance(people)

    after = rounds_done(tmp_path)[1]
    assert after.corrections() == {first[0]: None}
    assert after.facts()["labels_per_pattern"]["golgi"] == 7
    # One label of the budget is free again.
    (last,) = asked(tmp_path, 2)
    people.said.update({first[0]: "golgi", last: "golgi"})
    assert made.advance(people) == "done"
    assert RoundFolder(tmp_path / "rounds" / "002").corrections() == {first[0]: "golgi"}


def test_the_estimate_follows_corrected_audit_cells(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier
) -> None:
    settings = settings_with(budget=36, first=8, per_round=8, audit_cells=12)
    people, made = People(), campaign(tmp_path, pool, settings, initial=initial)
    audit = after_a_round(made, people, known)
    before = rounds_done(tmp_path)[0].facts()["estimate"]
    left = [each for each in audit if each not in {*asked(tmp_path, 0), *asked(tmp_path, 1)}]
    # A reviewer: one cannot be told, the others are what the network did not say.
    now = dict.fromkeys(left, "golgi") | {left[0]: None}
    people.said.update(known.answers(asked(tmp_path, 1)))
    people.said.update(now)
    made.advance(people)

    after = rounds_done(tmp_path)[1]

    said = pq.read_table(after.path / "pool.parquet")
    predicted = dict(zip(said["cell_id"].to_pylist(), said["predicted"].to_pylist(), strict=True))
    assert before["n_cells"] > len(left) - 1 > 1
    assert after.facts()["estimate"]["n_cells"] == len(left) - 1
    right = [predicted[each] == "golgi" for each in left[1:]]
    assert after.facts()["estimate"]["accuracy"] == pytest.approx(np.mean(right), abs=1e-6)
    wrong = {each for each in left if known.answers([each])[each] != now[each]}
    assert set(after.corrections()) == wrong
    # None of them can be told any more: nothing is left to estimate from.
    people.said.update(dict.fromkeys(left))
    people.said.update(known.answers(asked(tmp_path, 2)))
    made.advance(people)
    people.said.update(known.answers(asked(tmp_path, 3)))
    assert made.advance(people) == "done"
    final = json.loads((tmp_path / "final" / "final.json").read_text())
    assert final["estimate"] is None


def test_a_first_batch_that_nobody_could_label_is_waited_for(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    people, made = People(), campaign(tmp_path, pool, settings_with(budget=8, first=8))
    made.advance(people)
    people.said.update(dict.fromkeys(asked(tmp_path, 0)))
    assert made.advance(people) == "waiting"
    people.said.update(known.answers(asked(tmp_path, 0)[:7]))
    assert made.advance(people) == "waiting"
    assert rounds_done(tmp_path)[0].facts()["n_skipped"] == 1


def test_answers_that_are_written_again_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    assert read_answers(path) is None
    for pattern in ("golgi", "speckled", None):
        keep_answers(path, ["a"], {"a": pattern})
        for _ in range(2):
            answers = read_answers(path)
            assert answers is not None
            assert answers.patterns.tolist() == [pattern]
    path.unlink()
    assert read_answers(path) is None
