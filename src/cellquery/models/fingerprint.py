"""The fingerprint of a network: what began with it goes on with no other."""

from __future__ import annotations

import json

from cellquery.core.fingerprint import fingerprint
from cellquery.models.classifier import Classifier


def network_fingerprint(classifier: Classifier) -> str:
    """Return a digest of a network's weights and input settings."""
    weights = sorted(classifier.network.state_dict().items())
    words = [json.dumps(classifier.inputs.model_dump()), *(name for name, _ in weights)]
    return fingerprint(words, (weight.detach().cpu().numpy() for _, weight in weights))
