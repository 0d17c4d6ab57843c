"""What a campaign has come to, as lines of text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cellquery.campaign.records import read_json, rounds_done
from cellquery.core import RESEARCH_USE_ONLY


def status_text(root: Path) -> str:
    """Return a campaign's rounds as a table, and how it stands.

    Raises
    ------
    ProjectError
        When the folder holds no campaign.
    """
    campaign = read_json(root / "campaign.json")
    lines = [
        f"{root.name}: {campaign['settings']['strategy']}, "
        f"{campaign['budget']} of {campaign['pool']['cells']} cells to label",
        "",
        "round  labels  agreement  estimate on unlabelled cells  judged MCA  seconds",
    ]
    done = rounds_done(root)
    for folder in done:
        facts = folder.facts()
        kappa = "" if facts["kappa"] is None else f"{facts['kappa']:.3f}"
        lines.append(
            f"{facts['round']:5}  {facts['n_labels']:6}  {kappa:>9}  "
            f"{_estimate(facts['estimate']):>28}  {_judged(facts.get('judged')):>10}  "
            f"{sum(facts['seconds'].values()):7.1f}"
        )
    final = root / "final" / "final.json"
    if final.exists():
        facts = read_json(final)
        lines.append(
            f"final  {facts['n_labels']:6}  {'':>9}  {_estimate(facts['estimate']):>28}  "
            f"{_judged(facts['judged']):>10}  {sum(facts['seconds'].values()):7.1f}"
        )
        lines += ["", f"Ended: {facts['ended']}."]
    else:
        lines += ["", f"Not ended: {len(done)} rounds done."]
    notes = sorted({note for folder in done for note in folder.facts()["notes"]})
    return "\n".join([*lines, *(f"Note: {note}." for note in notes), RESEARCH_USE_ONLY])


def _estimate(estimate: dict[str, Any] | None) -> str:
    if not estimate:
        return ""
    low, high = (f"{100 * estimate[key]:.1f}" for key in ("low", "high"))
    return f"{100 * estimate['accuracy']:.1f} % ({low} to {high})"


def _judged(judged: dict[str, Any] | None) -> str:
    return ", ".join(f"{100 * figures['mca']:.2f}" for figures in (judged or {}).values())
