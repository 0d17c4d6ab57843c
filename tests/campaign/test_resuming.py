"""A campaign that is stopped goes on with what it began with, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from cellquery.campaign import Judged, KnownLabels, Pool
from cellquery.campaign.delivered import delivered
from cellquery.campaign.records import (
    RoundFolder,
    labels_so_far,
    read_corrections,
    read_json,
    rounds_done,
)
from cellquery.core import ProjectError, SettingsError
from cellquery.core.durable import write_json
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.models.fingerprint import network_fingerprint
from cellquery.training import LabelledCells
from cellquery.training.settings import PRESETS

from .conftest import PATTERNS, TRAIN, campaign, settings_with
from .test_engine import People

Given = dict[str, Any]


class Told(People):
    """An oracle that says what it was told so far, of what it is asked for."""

    goes_ahead = False

    def ahead(self) -> Mapping[str, bool]:
        return {}


@pytest.fixture
def given(pool: Pool, initial: Classifier, earlier: LabelledCells, judged: list[Judged]) -> Given:
    return {"pool": pool, "initial": initial, "rehearsed": earlier, "judged": judged}


def begin(root: Path, given: Given, **changes: Any) -> None:
    """Begin a campaign, or go on with it, without doing anything."""
    campaign(root, settings=settings_with(**changes), **given)._begin()


def other_network(given: Given) -> Given:
    other = deepcopy(given["initial"])
    with torch.no_grad():
        next(other.network.parameters()).mul_(1.01)
    return {"initial": other}


def other_cells(cells: PreparedCells) -> PreparedCells:
    images = cells.images.copy()
    images[3, 0, 0, 0] += 1
    return PreparedCells(cells.ids, images)


def other_rehearsed(given: Given) -> Given:
    was = given["rehearsed"]
    return {"rehearsed": LabelledCells(other_cells(was.cells), was.labels)}


def otherwise_labelled(given: Given) -> Given:
    was = given["rehearsed"]
    return {"rehearsed": LabelledCells(was.cells, (was.labels + 1) % 3)}


def fewer_judged(given: Given) -> Given:
    (was,) = given["judged"]
    few = Judged(was.name, was.cells.rows(slice(20)), was.patterns[:20], was.specimens[:20])
    return {"judged": [few]}


def relabelled(given: Given) -> Given:
    (was,) = given["judged"]
    return {"judged": [replace(was, patterns=[*was.patterns[1:], was.patterns[0]])]}


def other_judged_specimens(given: Given) -> Given:
    (was,) = given["judged"]
    return {"judged": [replace(was, specimens=["S0", *was.specimens[1:]])]}


def other_judged_images(given: Given) -> Given:
    (was,) = given["judged"]
    return {"judged": [replace(was, cells=other_cells(was.cells))]}


def other_specimens(given: Given) -> Given:
    was = given["pool"]
    return {"pool": Pool(was.cells, was.specimens[::-1])}


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (other_network, "other initial network"),
        (lambda _: {"initial": None}, "other initial network"),
        (other_rehearsed, "other rehearsed cells"),
        (otherwise_labelled, "other rehearsed cells"),
        (lambda _: {"rehearsed": None}, "other rehearsed cells"),
        (fewer_judged, "the cells that it was judged on have changed"),
        (lambda _: {"judged": []}, "the cells that it was judged on have changed"),
        (relabelled, "the cells that it was judged on have changed"),
        (other_judged_specimens, "the cells that it was judged on have changed"),
        (other_judged_images, "the cells that it was judged on have changed"),
        (other_specimens, "other specimens"),
    ],
)
def test_it_does_not_go_on_with_others(
    tmp_path: Path, given: Given, other: Callable[[Given], Given], fault: str
) -> None:
    begin(tmp_path, given)
    begin(tmp_path, given)
    with pytest.raises(ProjectError, match=fault):
        begin(tmp_path, {**given, **other(given)})


def test_known_labels_do_not_change_under_a_simulation(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    made = campaign(tmp_path, pool, settings_with())
    made._begin(known)
    made._begin(KnownLabels({**known.patterns, "elsewhere": "golgi"}))
    first = pool.cells.ids[0]
    other = next(each for each in PATTERNS if each != known.patterns[first])
    with pytest.raises(ProjectError, match="the labels of the pool have changed since it began"):
        made._begin(KnownLabels({**known.patterns, first: other}))
    made._begin(Told())


def test_a_network_read_from_a_file_is_the_same(tmp_path: Path, initial: Classifier) -> None:
    initial.save(tmp_path / "initial.safetensors")
    again = Classifier.load(tmp_path / "initial.safetensors")
    again.channels_last("cpu")
    assert network_fingerprint(again) == network_fingerprint(initial)


def test_a_campaign_of_an_earlier_version_goes_on(tmp_path: Path, given: Given) -> None:
    begin(tmp_path, given)
    kept = read_json(tmp_path / "campaign.json")
    for key in ("training", "final_training", "initial_network", "rehearsed_cells"):
        del kept[key]
    del kept["judged_cells"], kept["judged_labels"], kept["specimens"]
    # A setting that came later was then at its default.
    del kept["settings"]["stop_kappa"]
    write_json(tmp_path / "campaign.json", kept)
    begin(tmp_path, {**given, **other_specimens(given), **relabelled(given)})
    with pytest.raises(SettingsError, match=r"campaign with stop_kappa = null, not 0\.9"):
        begin(tmp_path, given, stop_kappa=0.9)
    with pytest.raises(SettingsError, match=r"training\.label_smoothing = 0\.\d+, not 0\.1"):
        begin(tmp_path, given, train={**TRAIN, "label_smoothing": 0.1})
    with pytest.raises(ProjectError, match="cells of the pool or their images have changed"):
        begin(tmp_path, {**given, "pool": Pool(other_cells(given["pool"].cells), np.arange(120))})


def test_the_digest_of_a_pool_is_that_of_earlier_versions() -> None:
    images = np.arange(32, dtype=np.float16).reshape(2, 1, 4, 4)
    pool = Pool(PreparedCells(np.array(["a", "b"], dtype=object), images), np.array([None, "S"]))
    assert pool.digest == "d1f2d4c17b244adb903c2588fba3f46b"


def test_a_training_setting_that_came_later_was_at_its_default(
    tmp_path: Path, given: Given
) -> None:
    begin(tmp_path, given, final={**TRAIN})
    kept = read_json(tmp_path / "campaign.json")
    for key in ("training", "final_training"):
        del kept[key]["label_smoothing"], kept[key]["augmentation"]["noise"]
    write_json(tmp_path / "campaign.json", kept)
    begin(tmp_path, given, final={**TRAIN})
    with pytest.raises(SettingsError, match=r"final_training\.label_smoothing = 0\.0, not 0\.1"):
        begin(tmp_path, given, final={**TRAIN, "label_smoothing": 0.1})


def test_a_preset_that_was_changed_does_not_change_it_unnoticed(
    tmp_path: Path, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path, given)
    monkeypatch.setitem(PRESETS, "best", {**PRESETS["best"], "label_smoothing": 0.1})
    with pytest.raises(SettingsError, match=r"training\.label_smoothing = 0\.0, not 0\.1"):
        begin(tmp_path, given)
    begin(tmp_path, given, train={**TRAIN, "label_smoothing": 0.0})


def test_random_rounds_may_be_shorter_where_nothing_depends_on_their_weights(
    tmp_path: Path, given: Given
) -> None:
    shorter, last = {**TRAIN, "max_epochs": 3, "min_steps": 7}, {"strategy": "random", "final": {}}
    to_the_end, until_stable = tmp_path / "to-the-end", tmp_path / "until-stable"
    for root, kappa in ((to_the_end, None), (until_stable, 0.9)):
        root.mkdir()
        begin(root, given, **last, stop_kappa=kappa)
    begin(to_the_end, given, **last, train=shorter)
    otherwise = {**TRAIN, "inputs": {**TRAIN["inputs"], "details": "signed"}}
    with pytest.raises(SettingsError, match=r"training\.inputs\.details = "):
        begin(to_the_end, given, **last, train=otherwise)
    with pytest.raises(SettingsError, match=r"training\.max_epochs = 1, not 3"):
        begin(until_stable, given, **last, stop_kappa=0.9, train=shorter)


def test_what_is_delivered_is_shown_as_many_views_as_it_began_with(
    tmp_path: Path, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path, given, final={})
    for name in ("rounds/000/round.json", "final/final.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        write_json(tmp_path / name, {})
    monkeypatch.setitem(PRESETS, "best", {**PRESETS["best"], "views": 1})
    assert delivered(tmp_path).views == 8


def test_an_interrupted_last_training_goes_on_with_the_labels_that_it_began_with(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(task: str, done: int, total: int | None = None) -> None:
        if (tmp_path / "final" / "state.pt").exists():
            raise Interrupted

    last = {**TRAIN, "batch_size": 5, "max_epochs": 2, "schedule": "one-cycle"}
    settings = settings_with(budget=10, first=10, final=last)
    said: dict[str, str | None] = dict(known.patterns)
    oracle = KnownLabels(said)  # type: ignore[arg-type]
    made = campaign(tmp_path, pool, settings, progress=interrupt)
    made._begin()
    declined = made._chosen(0, oracle).ids[:2]
    said.update(dict.fromkeys(declined))
    with pytest.raises(Interrupted):
        made.advance(oracle)
    assert read_corrections(tmp_path / "final") == {}
    said.update(known.answers(declined))
    assert campaign(tmp_path, pool, settings).advance(oracle) == "done"
    assert read_corrections(tmp_path / "final") == {}
    assert read_json(tmp_path / "final" / "final.json")["n_trained"] == 10


@pytest.mark.parametrize(
    ("train", "least"),
    [(TRAIN, 2), ({**TRAIN, "validation": "labelled", "patience": 1}, 3)],
)
def test_a_first_batch_of_too_few_labels_is_waited_for(
    tmp_path: Path, pool: Pool, known: KnownLabels, train: dict[str, Any], least: int
) -> None:
    told, made = Told(), campaign(tmp_path, pool, settings_with(train=train))
    assert made.advance(told) == "waiting"
    folder = RoundFolder(tmp_path / "rounds" / "000")
    asked = folder.query().ids.tolist()  # type: ignore[union-attr]
    told.said.update(dict.fromkeys(asked) | known.answers(asked[: least - 1]))
    assert made.advance(told) == "waiting"
    assert folder.answers() is None
    told.said.update(known.answers(asked[:least]))
    assert made.advance(told) == "waiting"
    assert [each.facts()["n_labels"] for each in rounds_done(tmp_path)] == [least]


def test_a_changed_answer_of_an_audit_cell_that_is_trained_on_is_learnt(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    told = Told()
    made = campaign(tmp_path, pool, settings_with(budget=100, first=20, audit_cells=60))
    made.advance(told)
    audit = pq.read_table(tmp_path / "audit-query.parquet")["cell_id"].to_pylist()
    told.said.update(dict.fromkeys(audit, "golgi"))
    made.advance(told)
    rounds = [RoundFolder(tmp_path / "rounds" / f"{number:03}") for number in range(2)]
    asked = rounds[0].query().ids.tolist()  # type: ignore[union-attr]
    before, after, undone, *_ = [each for each in asked if each in audit]
    told.said.update(dict.fromkeys(asked, "golgi") | {before: "nucleolar", undone: None})
    made.advance(told)
    assert rounds[0].facts()["labels_per_pattern"]["nucleolar"] == 1
    told.said.update(known.answers(rounds[1].query().ids.tolist()))  # type: ignore[union-attr]
    told.said.update(dict.fromkeys(audit, "golgi") | {before: "nucleolar", after: "homogeneous"})
    told.said[undone] = None
    made.advance(told)
    assert rounds[1].corrections() == {after: "homogeneous"}
    labels = labels_so_far(tmp_path)
    assert (labels[before], labels[after]) == ("nucleolar", "homogeneous")
    assert undone not in labels


def test_an_unknown_pattern_among_changed_answers_is_refused_before_it_is_kept(
    tmp_path: Path, pool: Pool, known: KnownLabels
) -> None:
    settings = settings_with(budget=10, first=10)
    told, made = Told(), campaign(tmp_path, pool, settings)
    made.advance(told)
    asked = RoundFolder(tmp_path / "rounds" / "000").query().ids.tolist()  # type: ignore[union-attr]
    told.said.update(known.answers(asked))
    finish = made._finish
    made._finish = lambda oracle: None  # type: ignore[method-assign]
    assert made.advance(told) == "done"
    told.said[asked[0]] = "ring"
    with pytest.raises(ProjectError, match="'ring'"):
        finish(told)
    told.said[asked[0]] = "golgi"
    finish(told)
    assert json.loads((tmp_path / "final" / "final.json").read_text())["n_labels"] == 10
