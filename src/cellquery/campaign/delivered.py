"""The network that a campaign delivers, with its companion, or has come to so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cellquery.campaign.records import read_json, rounds_done
from cellquery.campaign.settings import CampaignSettings
from cellquery.core import ProjectError


@dataclass(frozen=True)
class Delivered:
    """A campaign's newest network.

    Attributes
    ----------
    path : Path
        Its weights.
    name : str
        ``final``, or the last round that is done, such as ``round 3``.
    views : int
        Over how many views its predictions are averaged, by the campaign's settings.
    companion : (Path, int) or None
        Weights and views of the network whose predictions are averaged with its own.
    """

    path: Path
    name: str
    views: int
    companion: tuple[Path, int] | None = None


def delivered(root: Path) -> Delivered:
    """Return the newest network of a campaign's folder.

    Raises
    ------
    ProjectError
        When no round is done, or the folder holds no campaign.
    """
    kept = read_json(path := root / "campaign.json")
    # Campaigns of earlier versions kept only what was laid over a preset.
    if "training" not in kept:
        kept |= CampaignSettings.read(kept["settings"], path).resolved()
    final = root / "final"
    if (final / "final.json").exists():
        training = kept["final_training"] or kept["training"]
        companion = None
        if beside := kept.get("companion_training"):
            companion = final / "companion" / "model.safetensors", beside["views"]
        return Delivered(final / "model.safetensors", "final", training["views"], companion)
    done = rounds_done(root)
    if not done:
        raise ProjectError(root, "no round is done yet", "label the cells that it asks for")
    return Delivered(done[-1].model, f"round {len(done) - 1}", kept["training"]["views"])
