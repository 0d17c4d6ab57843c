"""Campaigns: rounds of choosing, labelling and fine-tuning, resumable at any moment."""

from cellquery.campaign.engine import Campaign, CampaignBusyError, Judged
from cellquery.campaign.estimate import AccuracyEstimate, estimate_accuracy
from cellquery.campaign.oracle import KnownLabels, Oracle
from cellquery.campaign.pool import Pool
from cellquery.campaign.settings import PRESETS, CampaignSettings, read_campaign_settings

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
