"""A classifier as an ONNX file that takes raw cells, delivered once it agrees with PyTorch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from cellquery import __version__
from cellquery.core import (
    RESEARCH_USE_ONLY,
    SettingsError,
    TrainingError,
    find_pattern,
)
from cellquery.core.durable import make_folder, replacing
from cellquery.core.extras import from_extra
from cellquery.core.provenance import provenance
from cellquery.data.prepare import PreparedCells, prepare_cell
from cellquery.data.synthetic import synthetic_cell, synthetic_settings
from cellquery.models import Classifier
from cellquery.models.layers import outside_torch
from cellquery.training.predict import predict
from cellquery.training.raw_cells import RawCells

Pixels = Literal["float32", "uint8", "uint16"]
PIXELS: tuple[Pixels, ...] = get_args(Pixels)

TOLERANCE = 1e-3
"""How far a probability may lie from PyTorch's. Where both differ in the last bit before a grey
level is rounded to half precision, they go on with levels a two-thousandth apart."""

# Old enough for ONNX Runtime 1.15: programs that carry one of their own are slow to renew it.
_OPSET, _FORMAT = 18, 8


@dataclass(frozen=True)
class Agreement:
    """How far an ONNX file and PyTorch are apart on the cells that both were shown.

    Attributes
    ----------
    n_cells : int
    probability : float
        The largest difference of a probability.
    embedding : float
        The largest difference of an embedding, as a share of the largest value.
    """

    n_cells: int
    probability: float
    embedding: float


def write_onnx(
    classifier: Classifier,
    out: Path,
    *,
    views: int = 1,
    pixels: Pixels = "float32",
    about: Mapping[str, Any] | None = None,
) -> Agreement:
    """Write a classifier as one ONNX file with the preparation of cells inside.

    Its inputs are ``image`` and, where the network learnt from masks, ``mask``: cells of one size
    as the camera counted them, each of shape (cells, 1, height, width); see `RawCells`. Its
    outputs are ``probabilities``, (cells, patterns), and ``embedding``, (cells, n_embedding).
    Pattern names, notice, input settings and provenance are in its metadata.

    Parameters
    ----------
    classifier : Classifier
    out : Path
    views : {1, 8}
        Average over so many flips and quarter turns of each cell.
    pixels : {"float32", "uint8", "uint16"}
        The type of ``image``; the mask is uint8 beside whole numbers.
    about : mapping, optional
        More facts for the metadata.

    Raises
    ------
    SettingsError
        When the extra ``onnx`` is not installed, there is no such type, or the network computes
        its features of a cell outside torch.
    TrainingError
        When ONNX Runtime and PyTorch differ by more than `TOLERANCE`; nothing is then written.
    """
    from_extra("onnx", "onnx", "onnxscript", "onnxruntime")
    if pixels not in PIXELS:
        raise SettingsError("--pixels", f"there is no '{pixels}'", f"choose {', '.join(PIXELS)}")
    if outside_torch(classifier.network):
        raise SettingsError(
            out,
            f"network '{classifier.network.name}' computes its features outside torch",
            "export it as .safetensors, or train another kind of network",
        )
    model = _traced(classifier, views, pixels)
    agreement = _checked(model.SerializeToString(), classifier, views, pixels, out)
    _describe(model, classifier, views, {**(about or {}), "agreement": vars(agreement)})
    make_folder(out.parent)
    with replacing(out) as file:
        file.write(model.SerializeToString())
    return agreement


def _traced(classifier: Classifier, views: int, pixels: Pixels) -> Any:
    """Return the graph of a classifier as an ONNX model."""
    (onnx,) = from_extra("onnx", "onnx")
    names = ["image"] if classifier.inputs.mask == "ignore" else ["image", "mask"]
    depth = getattr(torch, pixels)
    example = {
        "image": torch.arange(2 * 40 * 36).remainder(255).view(2, 1, 40, 36).to(depth),
        "mask": torch.ones(2, 1, 40, 36).to(torch.float32 if pixels == "float32" else torch.uint8),
    }
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    classifier.network.cpu().eval()
    with _quietly():
        program = torch.onnx.export(
            RawCells(classifier, views).eval(),
            tuple(example[name] for name in names),
            input_names=names,
            output_names=["probabilities", "embedding"],
            dynamic_shapes=tuple(free for _ in names),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = _FORMAT
    _tidy(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model


def _tidy(graph: Any) -> None:
    """Name the free axes, and take out where in the source each operation came from."""
    words = {}
    for axis, name in ((0, "cells"), (2, "height"), (3, "width")):
        words[graph.input[0].type.tensor_type.shape.dim[axis].dim_param] = name
    for value in (*graph.input, *graph.output, *graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = words.get(axis.dim_param, axis.dim_param)
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]


def _describe(model: Any, classifier: Classifier, views: int, about: Mapping[str, Any]) -> None:
    (helper,) = from_extra("onnx", "onnx.helper")
    model.producer_name, model.producer_version = "cellquery", __version__
    model.doc_string = (
        "Staining pattern of raw HEp-2 cells: grey levels of any height and width -> probabilities "
        f"of {', '.join(classifier.patterns)}, and embedding. {RESEARCH_USE_ONLY}"
    )
    known = {name: find_pattern(name) for name in classifier.patterns}
    helper.set_model_props(
        model,
        {
            "notice": RESEARCH_USE_ONLY,
            "cellquery": __version__,
            "patterns": json.dumps(classifier.patterns),
            "icap": json.dumps({name: each.icap for name, each in known.items() if each}),
            "inputs": classifier.inputs.model_dump_json(),
            "views": str(views),
            "weights": json.dumps(classifier.provenance, default=str),
            "export": json.dumps({**about, **provenance()}, default=str),
        },
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's words to its developers from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _checked(
    model: bytes, classifier: Classifier, views: int, pixels: Pixels, out: Path
) -> Agreement:
    """Return how far a model and a classifier are apart; TrainingError when that is too far."""
    (runtime,) = from_extra("onnx", "onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    n_cells, probability, embedding = 0, 0.0, 0.0
    for counts, mask in _check_cells(pixels):
        prepared = prepare_cell(counts, mask, classifier.inputs)[None].astype(np.float16)
        shown = PreparedCells(np.array(["check"]), prepared)
        ours = predict(classifier, shown, views=views, exact=True)
        feeds = onnx_feeds(session, counts, mask)
        theirs, theirs_embedding = session.run(["probabilities", "embedding"], feeds)
        probability = max(probability, _apart(ours.probabilities, theirs))
        if probability > TOLERANCE:
            raise TrainingError(
                out,
                f"ONNX Runtime and PyTorch differ by {probability:.2g} in a probability",
                "export with the versions of constraints.txt, and report this",
            )
        largest = max(float(np.abs(ours.embeddings).max()), 1e-6)
        embedding = max(embedding, _apart(ours.embeddings, theirs_embedding) / largest)
        n_cells += 1
    return Agreement(n_cells, probability, embedding)


def onnx_feeds(
    session: Any, counts: NDArray[Any], mask: NDArray[np.bool_] | None
) -> dict[str, NDArray[Any]]:
    """Return one cell as the inputs of an ONNX session, (1, 1, height, width) each.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    counts : ndarray, shape (height, width)
    mask : ndarray of bool, shape (height, width), or None
        Without one all of the cell is nucleus.
    """
    given = {"image": counts, "mask": np.ones_like(counts) if mask is None else mask}
    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16}
    return {
        each.name: given[each.name][None, None].astype(types[each.type])
        for each in session.get_inputs()
    }


def _apart(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    apart = float(np.abs(ours - theirs).max())
    return apart if np.isfinite(apart) else float("inf")


def _check_cells(pixels: Pixels) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_] | None]]:
    """Yield cells of every pattern, as they are, larger than any square, and very small."""
    depths = {"uint8": (8,), "uint16": (16,)}.get(pixels, (8, 16))
    for bits in depths:
        settings = synthetic_settings(bit_depth=bits, seed=1)
        for number in range(len(settings.patterns)):
            cell = synthetic_cell(settings, number, number)
            counts, mask = cell.pixels, cell.mask
            if pixels == "float32" and bits == 16 and counts.max() < 256:
                # Floating-point levels do not say of how many bits they are.
                continue
            yield counts, mask
            yield counts[::5, ::4], None
            yield counts.repeat(3, axis=0).repeat(2, axis=1), mask.repeat(3, axis=0).repeat(2, 1)
