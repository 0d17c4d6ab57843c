from __future__ import annotations

import re

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data import Project
from cellquery.data.audit import audit_project
from cellquery.reports.audit_page import audit_page


def test_the_page_says_every_finding_and_needs_no_other_file(project: Project) -> None:
    audit = audit_project(project)
    page = audit_page(audit, project)

    for finding in audit.findings:
        assert finding.title in page
    assert RESEARCH_USE_ONLY in page
    assert "Synthetic cells" in page
    assert "<script" not in page
    assert all(
        target.startswith(("data:", "#")) for target in re.findall(r'(?:src|href)="(.*?)"', page)
    )


def test_every_link_of_the_page_has_its_section(project: Project) -> None:
    page = audit_page(audit_project(project), project)

    for anchor in re.findall(r'href="#(.*?)"', page):
        assert f'id="{anchor}"' in page
