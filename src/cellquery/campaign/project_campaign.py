"""Campaigns on a project's cells, with its own labels as the oracle or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellquery.campaign.engine import Campaign
from cellquery.campaign.judging import Judged
from cellquery.campaign.oracle import KnownLabels
from cellquery.campaign.pool import Pool
from cellquery.campaign.settings import CampaignSettings
from cellquery.core import Progress, SettingsError, silent
from cellquery.core.durable import make_folder
from cellquery.core.places import Place
from cellquery.data import Project
from cellquery.data.prepare import inputs_for, prepare
from cellquery.data.selection import Selection, select
from cellquery.models import Classifier
from cellquery.training import label


def project_campaign(
    project: Project,
    root: Path,
    settings: CampaignSettings,
    *,
    split: str | None = None,
    pool: Sequence[str] = (),
    judge: Sequence[str] = (),
    initial: Place | None = None,
    rehearse: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Campaign, KnownLabels]:
    """Return a campaign on parts of a project, and the oracle that knows the project's labels.

    Parameters
    ----------
    project : Project
    root : Path
        The campaign's folder.
    settings : CampaignSettings
    split : str or None
    pool, judge, rehearse : sequence of str
        Parts to choose from, to judge on, and that the initial network has learnt. They must not
        overlap.
    initial : Path, UPath or None
        The network after initial learning.
    seed : int
    progress : Progress

    Raises
    ------
    SettingsError
        When parts overlap, or stand without a split.
    """
    parts = [*pool, *judge, *rehearse]
    twice = sorted({part for part in parts if parts.count(part) > 1})
    if twice:
        raise SettingsError("parts", f"'{twice[0]}' is named for two purposes", "name it once")
    chosen = select(project, split, pool, leave_out=[] if pool else [*judge, *rehearse])
    made = campaign_on(
        project,
        root,
        settings,
        chosen,
        project.patterns,
        split=split,
        judge=judge,
        initial=initial,
        rehearse=rehearse,
        seed=seed,
        about={"split": split, "pool": list(pool), "judged": list(judge)},
        progress=progress,
    )
    known = zip(chosen.ids.tolist(), chosen.patterns.tolist(), strict=True)
    return made, KnownLabels(dict(known))


def campaign_on(
    project: Project,
    root: Path,
    settings: CampaignSettings,
    chosen: Selection,
    patterns: tuple[str, ...],
    *,
    split: str | None = None,
    judge: Sequence[str] = (),
    initial: Place | None = None,
    rehearse: Sequence[str] = (),
    seed: int = 0,
    about: Mapping[str, Any],
    progress: Progress = silent,
) -> Campaign:
    """Return a campaign on chosen cells of a project, all of its cells prepared.

    Parameters
    ----------
    project : Project
    root : Path
        The campaign's folder.
    settings : CampaignSettings
    chosen : Selection
        The pool; its patterns are not looked at.
    patterns : tuple of str
        The class list.
    split : str or None
    judge, rehearse : sequence of str
        Parts of the split to judge on, and that the initial network has learnt.
    initial : Path, UPath or None
        The network after initial learning.
    seed : int
    about : mapping
        More facts for ``campaign.json``.
    progress : Progress
    """
    classifier = None if initial is None else Classifier.load(initial)
    inputs = inputs_for(project, settings.training().inputs)
    if classifier is not None:
        # How many bits the camera has is a fact of the cells that are learnt now.
        bits = {"content_bits": inputs.content_bits}
        inputs = classifier.inputs = classifier.inputs.model_copy(update=bits)
    store = project.store()
    judged = []
    for part in judge:
        cells = select(project, split, [part])
        prepared = prepare(store, cells.ids, inputs, progress=progress)
        judged.append(Judged.of(part, prepared, cells))
    rehearsed = None
    if rehearse:
        cells = select(project, split, rehearse)
        prepared = prepare(store, cells.ids, inputs, progress=progress)
        rehearsed = label(prepared, list(cells.patterns), patterns)
    make_folder(root)
    # On disk: the pool is what may be larger than the memory.
    prepared = prepare(store, chosen.ids, inputs, folder=root, progress=progress)
    return Campaign(
        root,
        Pool(prepared, chosen.specimens),
        settings,
        patterns,
        inputs,
        seed,
        initial=classifier,
        rehearsed=rehearsed,
        judged=judged,
        about=about,
        progress=progress,
    )
