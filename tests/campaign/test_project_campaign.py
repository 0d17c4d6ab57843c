from __future__ import annotations

from pathlib import Path

import numpy as np

from cellquery.campaign import CampaignSettings
from cellquery.campaign.project_campaign import project_campaign
from cellquery.core import SIX_PATTERNS
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.models import Classifier
from cellquery.wavelets import InputSettings


def test_the_bits_of_the_camera_are_those_of_the_pool(tmp_path: Path) -> None:
    cells = into_project(
        24, synthetic_settings(n_specimens=6, seed=1, bit_depth=16), tmp_path / "c"
    )
    inputs = InputSettings(side_px=16, mask="ignore", normalisation="raw", content_bits=8)
    Classifier.fresh(SIX_PATTERNS, inputs, seed=0).save(tmp_path / "initial.safetensors")
    train = {"inputs": {"side_px": 16, "mask": "ignore", "normalisation": "raw"}}
    settings = CampaignSettings.read({"budget": 12, "first": 6, "per_round": 6, "train": train}, "")

    campaign, _ = project_campaign(
        cells, tmp_path / "campaign", settings, initial=tmp_path / "initial.safetensors"
    )

    assert campaign.inputs.content_bits == 12
    # As counts of eight bits they would be sixteen times as bright.
    assert np.max(campaign.pool.cells.images) < 2
