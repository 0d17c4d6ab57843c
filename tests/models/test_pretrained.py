from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from cellquery.core import SettingsError, WeightsError
from cellquery.models import Classifier, network_options, registry
from cellquery.models.extras import optional
from cellquery.models.imagenet import GREY_MEAN, GREY_STD, AlexNet
from cellquery.models.pretrained import PretrainedOptions, read_state
from cellquery.training import TrainSettings
from cellquery.wavelets import InputSettings
from tests.tiny_networks import TinyVGG


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def from_file(path: Path, **changes: str) -> PretrainedOptions:
    return PretrainedOptions(weights=str(path), sha256=changes.get("sha256", digest(path)))


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """What torchvision's module knows after a training elsewhere."""
    torch.manual_seed(4)
    return dict(TinyVGG.standard().state_dict())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_local_file_gives_what_torchvision_gives(
    state: dict[str, torch.Tensor], tmp_path: Path, suffix: str, n_channels: int
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    ours = TinyVGG(3, n_channels).eval()
    ours.start(from_file(path))
    theirs = TinyVGG.standard().eval()
    theirs.load_state_dict(state)
    theirs.set_submodule("classifier.6", torch.nn.Identity())
    images = torch.rand(2, n_channels, 32, 32)
    repeated = ((images[:, :1] - GREY_MEAN) / GREY_STD).repeat(1, 3, 1, 1)
    with torch.no_grad():
        found = ours(*ours.inputs(images, InputSettings(side_px=32)))
        # The mask joins with weights of zero.
        torch.testing.assert_close(found.embedding, theirs(repeated), atol=1e-5, rtol=1e-5)


def test_random_weights_are_left_as_they_were_drawn() -> None:
    network = TinyVGG(3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.start(PretrainedOptions(weights="random"))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_file_of_another_digest_is_refused(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match="has the SHA-256") as caught:
        TinyVGG(3).start(from_file(path, sha256="0" * 64))
    assert str(path) in str(caught.value)
    assert digest(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("missing", r"features\.0\.bias is missing"),
        ("unexpected", "more is unexpected"),
        ("shape", r"classifier\.0\.bias is \(7,\) instead of \(24,\)"),
        ("infinite", "values that are not finite"),
    ],
)
def test_weights_of_another_network_are_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, change: str, fault: str
) -> None:
    if change == "missing":
        del state["features.0.bias"]
    elif change == "unexpected":
        state["more"] = torch.zeros(1)
    elif change == "shape":
        state["classifier.0.bias"] = torch.zeros(7)
    else:
        state["features.0.bias"][0] = torch.inf
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(WeightsError, match=fault) as caught:
        TinyVGG(3).start(from_file(path))
    assert str(path) in str(caught.value)


def test_a_file_that_would_run_something_is_refused_and_does_not(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    trap = tmp_path / "trap.pth"
    torch.save({"features.0.weight": Trap()}, trap)
    bare = tmp_path / "bare.pth"
    bare.write_bytes(pickle.dumps(Trap()))
    for path in (trap, bare):
        with pytest.raises(WeightsError, match="no plain weights"):
            read_state(path, digest(path))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"epoch": 3}])
def test_more_than_tensors_by_name_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_state(path, digest(path))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_state(tmp_path / "absent.pth", "0" * 64)


@pytest.mark.parametrize(
    "options", [{"weights": "weights.pth"}, {"sha256": "0" * 64}, {"weights": "a", "sha256": "12"}]
)
def test_a_file_has_a_digest_and_nothing_else_has(options: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="sha256") as caught:
        network_options("vgg16", options)
    assert "\n" not in str(caught.value)


def test_imagenet_weights_that_cannot_be_had_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Nothing listens on the discard port, so this fails as a machine without a network does.
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    settings = TrainSettings.read(
        {"network": "alexnet", "inputs": {"side_px": 64}, "patience": 5}, "test"
    )
    assert settings.options["weights"] == "imagenet"
    network = AlexNet.__new__(AlexNet)  # without the 57 million weights of a whole one
    with pytest.raises(WeightsError, match="cannot be downloaded") as caught:
        network.start(PretrainedOptions())
    assert "ImageNet weights of alexnet" in str(caught.value)
    assert "options.sha256" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_library_names_the_extra() -> None:
    """In a process of its own, where the import of torchvision fails as where it is not there."""
    script = (
        "import sys\n"
        "sys.modules['torchvision'] = None\n"
        "from cellquery.core import SettingsError\n"
        "from cellquery.models import build_network, network_options\n"
        "try:\n"
        "    build_network('vgg16', 6, 1, network_options('vgg16', {}))\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "needs torchvision, which is not installed" in result.stdout
    assert "cellquery[backbones]" in result.stdout
    assert result.stdout.count("\n") == 1


def test_timm_comes_with_torchvision() -> None:
    assert optional("timm").__name__ == "timm"


def test_a_trained_network_needs_its_first_weights_no_more(
    state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._KINDS, "tiny-vgg", TinyVGG)
    monkeypatch.setattr("cellquery.models.classifier.NETWORKS", ("tiny-vgg",))
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    options = from_file(path).model_dump()
    made = Classifier.fresh(
        ("golgi", "speckled"),
        InputSettings(side_px=32),
        seed=0,
        network="tiny-vgg",
        options=options,
    )
    made.network.eval()
    made.save(tmp_path / "model.safetensors")
    path.unlink()
    loaded = Classifier.load(tmp_path / "model.safetensors")
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(loaded(images).logits, made(images).logits, rtol=0, atol=0)
