"""What a campaign has come to, for other programs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from cellquery.annotation import Desk, Plan
from cellquery.annotation.outcome import network_file, outcome
from cellquery.annotation.predicted import predicted, write_anndata, write_predictions
from cellquery.annotation.review import worth_a_look
from cellquery.campaign import CampaignSettings
from cellquery.campaign.delivered import delivered
from cellquery.campaign.records import rounds_done
from cellquery.core import RESEARCH_USE_ONLY, CellqueryError
from cellquery.data import Project
from cellquery.data.prepare import prepare
from cellquery.models import Classifier
from cellquery.reports.campaign_record import campaign_record
from cellquery.training import predict
from tests.annotated import RITA, annotated_copy


def test_predictions_are_of_the_cells_nobody_labelled_and_by_the_delivered_network(
    annotated_project: Path, tmp_path: Path
) -> None:
    of = outcome(annotated_project)
    found = predicted(of)
    write_predictions(found, tmp_path / "rest.csv")
    table = pa_csv.read_csv(tmp_path / "rest.csv")
    ids = table["cell_id"].to_pylist()
    assert len(ids) == len(of.ids) - 24
    assert not set(ids) & of.labels.keys()
    assert (found.model, found.views) == ("final", 8)
    classifier = Classifier.load(of.root / "final" / "model.safetensors")
    cells = prepare(Project.open(annotated_project).store(), ids, classifier.inputs)
    wanted = predict(classifier, cells, views=8, exact=True)
    shown = np.array([table[f"p_{name}"].to_numpy() for name in classifier.patterns]).T
    np.testing.assert_allclose(shown, wanted.probabilities, atol=1e-6)
    skipped = table.filter(np.array(table["standing"].to_pylist()) == "declined")
    assert skipped["annotators"].to_pylist() == ["ana"]


def test_with_a_companion_the_mean_of_both_is_told(
    annotated_project: Path,
    tmp_path: Path,
    cli: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    copy = annotated_copy(annotated_project, tmp_path / "cells")
    campaign = copy.path / "annotation" / "campaign"
    network = Classifier.load(campaign / "final" / "model.safetensors")
    machine = Classifier.fresh(network.patterns, network.inputs, seed=0, network="texture-svm")
    kept = campaign / "final" / "companion" / "model.safetensors"
    kept.parent.mkdir()
    machine.save(kept)
    facts = json.loads((campaign / "campaign.json").read_text())
    facts["settings"]["companion"] = {"network": "texture-svm", "views": 1}
    settings = CampaignSettings.read(facts["settings"], "test")
    facts |= json.loads(json.dumps(settings.resolved()))
    (campaign / "campaign.json").write_text(json.dumps(facts))

    found = predicted(outcome(copy.path), views=1)
    alone = predicted(outcome(annotated_project), views=1)
    assert (found.model, alone.model) == ("final with texture-svm", "final")
    cells = prepare(copy.store(), found.predictions.ids.tolist(), network.inputs)
    beside = predict(machine, cells).probabilities
    np.testing.assert_allclose(
        found.predictions.probabilities, (alone.predictions.probabilities + beside) / 2, atol=1e-6
    )
    assert "all labels, with texture-svm" in campaign_record(outcome(copy.path))
    done = cli("export", "model", copy.path, "--out", tmp_path / "cells.safetensors")
    assert done.returncode == 0, done.stderr
    assert "the network without its companion" in done.stdout
    assert str(kept) in done.stdout.replace("\n", "")


def test_of_all_cells_label_standing_and_annotators_are_told(
    annotated_project: Path, tmp_path: Path
) -> None:
    of = outcome(annotated_project)
    write_predictions(predicted(of, every=True, views=1), tmp_path / "all.parquet")
    table = pq.read_table(tmp_path / "all.parquet")
    assert table["cell_id"].to_pylist() == of.ids
    labels = dict(zip(of.ids, table["label"].to_pylist(), strict=True))
    assert {each: name for each, name in labels.items() if name} == of.labels
    assert "ana|ben|rita" in table["annotators"].to_pylist()
    assert "settled" in table["standing"].to_pylist()
    assert table.schema.metadata[b"notice"].decode() == RESEARCH_USE_ONLY
    assert json.loads(table.schema.metadata[b"provenance"])["views"] == 1


def test_anndata_opens_with_embeddings_labels_and_provenance(
    annotated_project: Path, tmp_path: Path
) -> None:
    of = outcome(annotated_project)
    found = predicted(of, every=True, views=1)
    write_anndata(found, tmp_path / "cells.h5ad")
    cells = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert cells.shape == (len(of.ids), 128)
    assert cells.obs_names.tolist() == of.ids
    np.testing.assert_array_equal(cells.X, found.predictions.embeddings)
    assert cells.obs["label"].dropna().to_dict() == of.labels
    manifest = Project.open(annotated_project).manifest()
    specimens = dict(
        zip(manifest["cell_id"].to_pylist(), manifest["specimen"].to_pylist(), strict=True)
    )
    assert cells.obs["specimen"].to_dict() == {each: specimens[each] for each in of.ids}
    assert {"intensity", "annotators", "standing", "predicted", "p_golgi"} <= {*cells.obs.columns}
    patterns = list(cells.uns["patterns"])
    said = [patterns[row] for row in cells.obsm["probabilities"].argmax(axis=1)]
    assert cells.obs["predicted"].tolist() == said
    assert cells.uns["notice"] == RESEARCH_USE_ONLY
    assert json.loads(cells.uns["provenance"])["network"] == "final"


def test_a_campaigns_folder_is_as_good_as_its_project(
    annotated_project: Path, tmp_path: Path
) -> None:
    whole, folder = outcome(annotated_project), annotated_project / "annotation" / "campaign"
    assert outcome(folder).labels == whole.labels
    apart = tmp_path / "campaign"
    shutil.copytree(folder, apart)
    alone = outcome(apart, project=annotated_project)
    assert alone.ids == whole.ids
    assert alone.labels == whole.labels
    assert set(alone.annotators.values()) == {"people"}
    np.testing.assert_array_equal(
        predicted(alone).predictions.probabilities, predicted(whole).predictions.probabilities
    )
    with pytest.raises(CellqueryError, match="name --project"):
        predicted(outcome(apart))


def test_the_newest_network_is_the_final_one_or_the_last_rounds_or_the_initial(
    annotated_project: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    root = annotated_project / "annotation" / "campaign"
    newest, alone = network_file(annotated_project), network_file(root / "final")
    assert newest.path == alone.path == root / "final" / "model.safetensors"
    assert (newest.name, alone.name) == ("final", "")
    running = tmp_path / "campaign"
    shutil.copytree(root, running)
    (running / "final" / "final.json").unlink()
    assert delivered(running).name == "round 3"
    assert delivered(running).views == 1
    begun = tmp_path / "begun"
    shutil.copytree(synthetic_project, begun)
    initial = str(root / "final" / "model.safetensors")
    plan = Plan.of(Project.open(begun), split="random", pool=("train",), initial=initial)
    first = network_file(begun)
    assert first.name == "initial"
    assert first.path.read_bytes() == Path(initial).read_bytes()
    assert Plan.of(Project.open(begun), initial=initial) == plan
    with pytest.raises(CellqueryError, match="began with another initial"):
        Plan.of(Project.open(begun), initial=str(root / "rounds" / "000" / "model.safetensors"))


def test_without_any_network_one_line_says_so(desk: Desk) -> None:
    with pytest.raises(CellqueryError, match="there is no network yet"):
        outcome(desk.project.path).delivered()


def test_a_campaign_begun_by_an_earlier_version_is_read_as_far_as_it_goes(
    annotated_project: Path, tmp_path: Path
) -> None:
    copy = annotated_copy(annotated_project, tmp_path / "cells")
    campaign = copy.path / "annotation" / "campaign"
    (campaign / "initial.parquet").unlink()
    for path in campaign.glob("rounds/*/*.parquet"):
        if path.name == "standing.parquet":
            path.unlink()
            continue
        table = pq.read_table(path)
        later = {"chosen_by", "probabilities"} & set(table.column_names)
        pq.write_table(table.drop_columns(sorted(later)), path)
    of = outcome(copy.path)
    assert of.desk is not None
    ranking = of.desk.ranking
    margins = [ranking.suggestions[each].margin for each in ranking.standing]
    assert sorted(of.ids) == sorted(ranking.standing)
    assert margins == sorted(margins)
    errors, note = worth_a_look(of.desk, RITA, "errors")
    assert errors == []
    assert f"{len(of.labels)} labels are not judged" in note
    assert "Round by round" in campaign_record(of)
    of.desk.database.close()


def test_a_desk_opened_anew_keeps_the_order_and_the_groups_of_the_last_round(
    annotated_project: Path,
) -> None:
    of = outcome(annotated_project)
    assert of.desk is not None
    last = pq.read_table(rounds_done(of.root)[-1].standing)
    assert of.desk.ranking.standing == last["cell_id"].to_pylist()
    assert of.desk.ranking.groups.keys() == set(of.ids)
    of.desk.database.close()


def test_a_project_goes_on_where_it_was_moved_to(annotated_project: Path, tmp_path: Path) -> None:
    # The fixture moved it already, and took the file away that its initial network came from.
    moved = tmp_path / "elsewhere"
    shutil.copytree(annotated_project, moved)
    opened = Project.open(moved)
    desk = Desk.open(opened)
    assert not Path(desk.plan.initial or "/").is_absolute()
    (moved / "annotation" / "campaign" / "final" / "final.json").unlink()
    from cellquery.annotation import People

    assert desk.plan.make(opened).advance(People(desk.history, desk.leases)) == "done"
    desk.database.close()
