"""The ONNX file, as ONNX Runtime alone sees it, names raw cells as PyTorch does."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from cellquery.core import RESEARCH_USE_ONLY, SettingsError, TrainingError
from cellquery.data.prepare import PreparedCells, prepare_cell
from cellquery.models import Classifier
from cellquery.training import onnx_file, predict
from cellquery.training.onnx_file import Agreement, Pixels, onnx_feeds, write_onnx
from cellquery.wavelets import InputSettings
from tests.tiny_networks import TinyVGG

from .test_raw_cells import SIZES, cell

PATTERNS = ("homogeneous", "golgi", "my_class")


@dataclass(frozen=True)
class Written:
    path: Path
    classifier: Classifier
    pixels: Pixels
    views: int
    agreement: Agreement


@pytest.fixture(
    scope="module",
    params=[
        ({"side_px": 80, "mask": "channel", "details": "magnitude"}, "float32", 1),
        ({"normalisation": "dataset", "mean": 0.3, "std": 0.2, "content_bits": 12}, "uint16", 8),
        ({"normalisation": "raw", "fit": "keep", "mask": "erase", "wavelet": "db2"}, "uint8", 1),
    ],
    ids=["best", "dataset of 16 bits", "erased, own scale"],
)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    values, pixels, views = request.param
    classifier = Classifier.fresh(PATTERNS, InputSettings(**values), seed=3)
    classifier.provenance = {"seed": 3}
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    agreement = write_onnx(classifier, path, views=views, pixels=pixels, about={"network": "x"})
    return Written(path, classifier, pixels, views, agreement)


def test_it_names_cells_of_any_size_as_pytorch_does(written: Written) -> None:
    session = onnxruntime.InferenceSession(written.path)
    highest = {"uint8": (90, 255), "uint16": (300, 3000), "float32": (255, 3000)}[written.pixels]
    inputs = written.classifier.inputs
    for size in SIZES:
        for level in highest:
            counts, inside = cell(*size, level)
            if written.pixels == "uint16":
                counts = counts.astype(np.uint16)
            prepared = prepare_cell(counts, inside, inputs)[None].astype(np.float16)
            cells = PreparedCells(np.array(["a"]), prepared)
            wanted = predict(written.classifier, cells, views=written.views, exact=True)
            probabilities, embedding = session.run(None, onnx_feeds(session, counts, inside))
            np.testing.assert_allclose(probabilities, wanted.probabilities, atol=1e-4)
            assert probabilities.sum() == pytest.approx(1, abs=1e-5)
            np.testing.assert_allclose(embedding, wanted.embeddings, atol=2e-3, rtol=1e-3)
    assert written.agreement.n_cells >= 18
    assert written.agreement.probability < onnx_file.TOLERANCE


def test_several_cells_of_one_size_go_in_at_once(written: Written) -> None:
    session = onnxruntime.InferenceSession(written.path)
    one, two = (onnx_feeds(session, *cell(50, 40, level)) for level in (150, 250))
    both = {name: np.concatenate([one[name], two[name]]) for name in one}
    together = session.run(["probabilities"], both)[0]
    for row, feeds in enumerate((one, two)):
        alone = session.run(["probabilities"], feeds)[0]
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_it_says_what_it_is_and_nothing_of_where_it_was_made(written: Written) -> None:
    model = onnx.load(written.path)
    said = {each.key: each.value for each in model.metadata_props}
    assert said["notice"] == RESEARCH_USE_ONLY
    assert RESEARCH_USE_ONLY in model.doc_string
    assert json.loads(said["patterns"]) == list(PATTERNS)
    assert json.loads(said["icap"])["golgi"] == "AC-22"
    assert json.loads(said["inputs"]) == written.classifier.inputs.model_dump()
    assert json.loads(said["weights"]) == {"seed": 3}
    assert json.loads(said["export"])["network"] == "x"
    named = [axis.dim_param for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert named == ["cells", "", "height", "width"]
    assert str(Path(onnx_file.__file__).parent).encode() not in written.path.read_bytes()


def test_a_file_that_does_not_agree_is_not_delivered(written: Written, tmp_path: Path) -> None:
    other = Classifier.fresh(PATTERNS, written.classifier.inputs, seed=4)
    other.network.eval().head.bias.data[0] += 5
    content = written.path.read_bytes()
    with pytest.raises(TrainingError, match="ONNX Runtime and PyTorch differ by"):
        onnx_file._checked(content, other, written.views, written.pixels, tmp_path / "x.onnx")


def test_without_the_extra_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    classifier = Classifier.fresh(PATTERNS, InputSettings(), seed=0)
    with pytest.raises(SettingsError, match=r"needs onnxruntime.*pip install 'cellquery\[onnx\]'"):
        write_onnx(classifier, tmp_path / "model.onnx")


def test_another_type_of_pixels_is_refused(tmp_path: Path) -> None:
    classifier = Classifier.fresh(PATTERNS, InputSettings(), seed=0)
    wrong: Any = "int32"
    with pytest.raises(SettingsError, match="there is no 'int32'"):
        write_onnx(classifier, tmp_path / "model.onnx", pixels=wrong)


@pytest.mark.parametrize(
    ("network", "side_px"),
    [
        ("lenet5", 78),
        ("four-branch", 32),
        ("dcr-net", 32),
        ("vgg16-small", 32),
        ("tiny-vgg", 32),
        ("frozen-backbone", 32),
    ],
)
def test_networks_of_every_family_are_written(network: str, side_px: int, tmp_path: Path) -> None:
    inputs = InputSettings(side_px=side_px, mask="channel")
    if network == "tiny-vgg":
        options = TinyVGG.Options(weights="random")
        classifier = Classifier(TinyVGG(len(PATTERNS), 2), PATTERNS, inputs, options)
    else:
        small = {"architecture": "test_vit", "side_px": 48, "weights": "random"}
        options = small if network == "frozen-backbone" else None
        classifier = Classifier.fresh(PATTERNS, inputs, seed=0, network=network, options=options)
    agreement = write_onnx(classifier, tmp_path / "model.onnx")
    assert agreement.probability < 1e-4
    assert agreement.embedding < 1e-3
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    counts, inside = cell(50, 40, 150)
    prepared = prepare_cell(counts, inside, inputs)[None].astype(np.float16)
    wanted = predict(classifier, PreparedCells(np.array(["a"]), prepared), exact=True)
    probabilities, embedding = session.run(None, onnx_feeds(session, counts, inside))
    np.testing.assert_allclose(probabilities, wanted.probabilities, atol=1e-4)
    np.testing.assert_allclose(embedding, wanted.embeddings, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("network", ["texture-svm", "fisher-svm"])
def test_a_network_whose_features_are_outside_torch_is_refused_in_one_line(
    network: str, tmp_path: Path
) -> None:
    classifier = Classifier.fresh(PATTERNS, InputSettings(), seed=0, network=network)
    with pytest.raises(SettingsError, match=f"'{network}' computes its features outside torch"):
        write_onnx(classifier, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
