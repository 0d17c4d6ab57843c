"""Cells a second through a trained network, by every way to run it, beside the processor's peak.

    make bench ONLY=inference [PROJECT=runs/i3a FOLDS=runs/i3a-best/pool-only/seed-0]

The ways take turns, so that what else the machine does touches all; a ratio is the median over the
turns. With real cells and the folds of a finished experiment, each way also names the cells that
no network has learnt (part ``pool``, never ``test``): the default of scoring and predicting is the
fastest whose MCA stays within 0.1 point.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench.peak import peak_gflops
from bench.record import Bench, Line, markdown
from cellquery.core import SIX_PATTERNS
from cellquery.data import Project
from cellquery.data.prepare import prepare
from cellquery.metrics import confusion, mean_class_accuracy
from cellquery.models import FORWARD_CELLS, Classifier, multiply_adds
from cellquery.training import TrainSettings
from cellquery.training.precision import predicting

TITLE = "Scoring and inference"
N_CELLS, REPEATS, CALIBRATED = 512, 7, 256
PRECISIONS = {"eager": "32 bits", "bf16": "bf16"}

Way = Callable[[Tensor], Tensor]
"""Prepared images to logits."""


def eager(classifier: Classifier) -> Way:
    """Return plain PyTorch in channels-last memory."""
    return lambda images: classifier(images).logits


def contiguous(classifier: Classifier) -> Way:
    """Return plain PyTorch in the memory layout it has by itself."""
    network = deepcopy(classifier.network).to(memory_format=torch.contiguous_format)
    return lambda images: network(*_plain(classifier, images)).logits


def compiled(classifier: Classifier) -> Way:
    """Return the network through TorchInductor."""
    network = torch.compile(classifier.network)
    return lambda images: network(*classifier.network_inputs(images)).logits


def bf16(classifier: Classifier) -> Way:
    """Return plain PyTorch with products in bfloat16."""

    def name(images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return classifier(images).logits.float()

    return name


def onnx(classifier: Classifier, *, int8: bool = False) -> Way:
    """Return ONNX Runtime, the wavelet transform apart."""
    import onnxruntime

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = deepcopy(classifier.network).to(memory_format=torch.contiguous_format)

        def forward(self, *inputs: Tensor) -> Tensor:
            return self.network(*inputs).logits

    side = classifier.inputs.side_px
    example = _plain(classifier, torch.zeros(2, classifier.inputs.n_channels, side, side))
    names = [f"band{number}" for number in range(len(example))]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            Logits().eval(),
            example,
            path,
            input_names=names,
            dynamic_shapes=(tuple({0: torch.export.Dim.DYNAMIC} for _ in names),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        if int8:
            path = quantised(path, classifier, names)
        session = onnxruntime.InferenceSession(path, options)

    def name(images: Tensor) -> Tensor:
        bands = _plain(classifier, images)
        fed = {each: band.numpy() for each, band in zip(names, bands, strict=True)}
        return torch.from_numpy(session.run(None, fed)[0])

    return name


def int8(classifier: Classifier) -> Way:
    """Return ONNX Runtime in 8 bits, calibrated on cells that the network has learnt."""
    return onnx(classifier, int8=True)


def quantised(path: Path, classifier: Classifier, names: list[str]) -> Path:
    """Write the network with 8-bit weights and activations beside the given one."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Shown(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(torch.from_numpy(LEARNT[0]).float().split(FORWARD_CELLS))

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            images = next(self.batches, None)
            if images is None:
                return None
            bands = _plain(classifier, images)
            return {each: band.numpy() for each, band in zip(names, bands, strict=True)}

    ready, out = path.with_name("ready.onnx"), path.with_name("int8.onnx")
    quant_pre_process(path, ready, skip_symbolic_shape=True)
    quantize_static(ready, out, Shown(), per_channel=True)
    return out


LEARNT: list[NDArray[np.float16]] = []
"""The cells to calibrate on, of the network at hand."""

WAYS: dict[str, Callable[[Classifier], Way]] = {
    "eager": eager,
    "eager, contiguous": contiguous,
    "torch.compile": compiled,
    "bf16": bf16,
    "ONNX Runtime": onnx,
    "ONNX Runtime, int8": int8,
}


def _plain(classifier: Classifier, images: Tensor) -> tuple[Tensor, ...]:
    return tuple(band.contiguous() for band in classifier.network_inputs(images))


def terms(bench: Bench) -> dict[str, Any]:
    """Return whose cells are named, and by which networks: ``STUDY/VARIANT/SEED``."""
    folds = bench.folds and "/".join(bench.folds.parts[-3:])
    return {"project": bench.project and bench.project.name, "folds": folds}


def measure(bench: Bench) -> dict[str, Any]:
    """Measure rates with one thread and with all, and MCA where there are real cells."""
    # The exporter and the quantiser tell their developers of every layer.
    logging.disable(logging.WARNING)
    folds = sorted(bench.folds.glob("fold-*")) if bench.project and bench.folds else []
    inputs = TrainSettings.preset("best").inputs
    random = np.random.default_rng(0)
    n_cells = 2 * FORWARD_CELLS if bench.smoke else N_CELLS
    if folds:
        classifier, images, _, learnt = fold_cells(bench.project, folds[0])
        images = images[:n_cells]
    else:
        inputs = inputs.model_copy(update={"side_px": 32}) if bench.smoke else inputs
        classifier = Classifier.fresh(SIX_PATTERNS, inputs, seed=0)
        shape = (n_cells, inputs.n_channels, inputs.side_px, inputs.side_px)
        images = learnt = random.random(shape, dtype=np.float32).astype(np.float16)
    LEARNT[:] = [learnt[:CALIBRATED]]
    batches = torch.from_numpy(images).float().split(FORWARD_CELLS)
    adds = multiply_adds(classifier.network, classifier.inputs.side_px)
    # A compiler takes half a minute, whatever there is to compile.
    ways = {name: way for name, way in WAYS.items() if not (bench.smoke and way is compiled)}
    rates, peaks = {}, {}
    for threads in sorted({1, bench.threads}):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            rates[threads], peaks[threads] = rates_of(
                {name: make(_ready(classifier)) for name, make in ways.items()},
                batches,
                1 if bench.smoke else REPEATS,
            )
    facts = {
        "multiply_adds": adds,
        "default": default_way(classifier),
        "rates": rates,
        "peaks": peaks,
    }
    if folds:
        facts["mca"], facts["n_judged"] = accuracies(bench.project, folds)
    return facts


def default_way(classifier: Classifier) -> str:
    """Return which way cellquery scores and predicts by itself on this processor."""
    here = predicting(classifier.network)
    return "eager" if isinstance(here, nullcontext) else "bf16"


def rates_of(
    ways: dict[str, Way], batches: tuple[Tensor, ...], repeats: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Return cells a second of each way in each turn, and the peak measured in each turn."""
    n_cells = sum(len(batch) for batch in batches)
    found: dict[str, list[float]] = {name: [] for name in ways}
    peaks = []
    with torch.inference_mode():
        for way in ways.values():
            way(batches[0])
        for _ in range(repeats):
            peaks.append(peak_gflops(0.1))
            for name, way in ways.items():
                started = time.perf_counter()
                for batch in batches:
                    way(batch)
                found[name].append(n_cells / (time.perf_counter() - started))
    return found, peaks


def accuracies(project: Path, folds: list[Path]) -> tuple[dict[str, float], int]:
    """Return the MCA of each way over the cells of all folds, each named by who never saw it."""
    counts: dict[str, Any] = {}
    n_judged = 0
    for fold in folds:
        classifier, images, labels, learnt = fold_cells(project, fold)
        LEARNT[:] = [learnt[:CALIBRATED]]
        n_judged += len(labels)
        for name, make in WAYS.items():
            way = make(_ready(classifier))
            with torch.inference_mode():
                logits = [way(batch) for batch in torch.from_numpy(images).float().split(64)]
            said = torch.cat(logits).argmax(dim=1).numpy()
            found = confusion(labels, said, len(classifier.patterns))
            counts[name] = counts.get(name, 0) + found
    return {name: float(mean_class_accuracy(each)) for name, each in counts.items()}, n_judged


def fold_cells(
    project: Path, fold: Path
) -> tuple[Classifier, NDArray[np.float16], NDArray[np.int64], NDArray[np.float16]]:
    """Return a fold's network, the images and labels of its cells, and images it has learnt."""
    classifier, store = Classifier.load(fold / "model.safetensors"), Project.open(project).store()
    said = pq.read_table(fold / "predictions-unseen.parquet")
    labels = [classifier.patterns.index(name) for name in said["pattern"].to_pylist()]
    learnt = pq.read_table(fold / "training-cells.parquet")["cell_id"].to_pylist()
    some = np.random.default_rng(0).choice(learnt, min(CALIBRATED, len(learnt)), replace=False)
    images = prepare(store, said["cell_id"].to_pylist(), classifier.inputs).images
    calibration = prepare(store, some.tolist(), classifier.inputs).images
    return classifier, images, np.array(labels, dtype=np.int64), calibration


def _ready(classifier: Classifier) -> Classifier:
    classifier.channels_last("cpu").eval()
    return classifier


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return the default beside eager PyTorch, and its share of the peak."""
    found = []
    # Kept before it was recorded: of a processor with instructions for bf16.
    default = facts.get("default", "bf16")
    for threads, rates in facts["rates"].items():
        ours, usual = (statistics.median(rates[name]) for name in (default, "eager"))
        found.append(
            Line(
                f"scoring, {threads} thread{'s' if int(threads) > 1 else ''}",
                f"{ours:.0f} cells/s in {PRECISIONS[default]}",
                f"eager PyTorch, 32 bits: {usual:.0f} cells/s",
                f"{_ratio(rates, default):.2f}",
            )
        )
    return found


def table(facts: dict[str, Any]) -> str:
    """Return a row for each way."""
    threads = list(facts["rates"])
    head = ["way"]
    for each in threads:
        head += [f"cells/s, {each} thread{'s' if int(each) > 1 else ''}", "ratio", "of the peak"]
    rows = []
    for name in facts["rates"][threads[0]]:
        cells = [name]
        for each in threads:
            rates, peak = facts["rates"][each], statistics.median(facts["peaks"][each])
            rate = statistics.median(rates[name])
            share = rate * 2 * facts["multiply_adds"] / 1e9 / peak
            cells += [f"{rate:.0f}", f"{_ratio(rates, name):.2f}", f"{100 * share:.0f} %"]
        if "mca" in facts:
            mca = facts["mca"]
            cells += [f"{100 * mca[name]:.2f}", f"{100 * (mca[name] - mca['eager']):+.2f}"]
        rows.append(cells)
    if "mca" in facts:
        head += ["MCA %", "MCA − eager"]
    peaks = ", ".join(
        f"{statistics.median(facts['peaks'][each]):.0f} GFLOP/s with {each}" for each in threads
    )
    judged = (
        f"; MCA on {facts['n_judged']} real cells of unseen specimens" if "mca" in facts else ""
    )
    said = (
        f"{facts['multiply_adds'] / 1e6:.1f} million multiply-adds a cell; the peak is a "
        f"product of single-precision matrices: {peaks} threads{judged}."
    )
    return f"{markdown(head, rows)}\n\n{said}"


def _ratio(rates: dict[str, list[float]], name: str) -> float:
    pairs = zip(rates[name], rates["eager"], strict=True)
    return statistics.median(one / other for one, other in pairs)
