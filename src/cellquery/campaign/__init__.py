"""Campaigns: rounds of choosing, labelling and fine-tuning, resumable at any moment."""

from typing import TYPE_CHECKING

from cellquery.core.lazy import lazily

if TYPE_CHECKING:
    from cellquery.campaign.engine import Campaign, CampaignBusyError
    from cellquery.campaign.estimate import AccuracyEstimate, estimate_accuracy
    from cellquery.campaign.judging import Judged
    from cellquery.campaign.oracle import KnownLabels, Oracle
    from cellquery.campaign.pool import Pool
    from cellquery.campaign.settings import PRESETS, CampaignSettings, read_campaign_settings

__getattr__ = lazily(
    __name__,
    engine=("Campaign", "CampaignBusyError"),
    estimate=("AccuracyEstimate", "estimate_accuracy"),
    judging=("Judged",),
    oracle=("KnownLabels", "Oracle"),
    pool=("Pool",),
    settings=("PRESETS", "CampaignSettings", "read_campaign_settings"),
)

__all__ = [
    "PRESETS",
    "AccuracyEstimate",
    "Campaign",
    "CampaignBusyError",
    "CampaignSettings",
    "Judged",
    "KnownLabels",
    "Oracle",
    "Pool",
    "estimate_accuracy",
    "read_campaign_settings",
]
