"""Fingerprints of what a training or a campaign is given: it goes on with nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.models import Classifier


def fingerprint(words: Iterable[Any], arrays: Iterable[NDArray[Any]] = ()) -> str:
    """Return a digest of words, then of arrays, one after the other; large ones are not copied."""
    digest = hashlib.blake2b(digest_size=16)
    for word in words:
        digest.update(str(word).encode() + b"\0")
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def network_fingerprint(classifier: Classifier) -> str:
    """Return a digest of a network's weights and input settings."""
    weights = sorted(classifier.network.state_dict().items())
    words = [json.dumps(classifier.inputs.model_dump()), *(name for name, _ in weights)]
    return fingerprint(words, (weight.detach().cpu().numpy() for _, weight in weights))
