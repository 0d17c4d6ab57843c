"""The pages a reader follows: links lead somewhere, commands and options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cellquery.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/**/*.md")])
PLACES = [ROOT, ROOT / "src" / "cellquery"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ +(.+?) *$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@page
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCED.sub("", page.read_text())):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text())):
            broken.append(target)

    assert broken == []


def _command_lines(text: str) -> list[str]:
    blocks = "\n".join(FENCED.findall(text)).replace("\\\n", " ")
    lines = (line.strip().removeprefix("$ ") for line in blocks.splitlines())
    return [line for line in lines if line.startswith("cellquery ")]


def _unknown(line: str) -> list[str]:
    """Return the words of a command line that no command has: a name or options."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return [words[0]]
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [option for option in options if option not in known]


@page
def test_every_command_line_shown_names_commands_and_options_that_exist(page: Path) -> None:
    lines = _command_lines(page.read_text())

    assert {line: _unknown(line) for line in lines if _unknown(line)} == {}


@page
def test_every_source_file_named_in_a_page_exists(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|toml))`", FENCED.sub("", page.read_text()))
    places = [*PLACES, page.parent]

    assert [name for name in named if not any((place / name).exists() for place in places)] == []


@page
def test_every_name_that_a_page_places_in_a_source_file_stands_there(page: Path) -> None:
    """As in "`first`, `per_round` and `sizes` in `campaign/settings.py`"."""
    names, files = r"`\w+`(?:(?:, | and )`\w+`)*", r"`[\w/]+\.py`(?: and `[\w/]+\.py`)*"
    missing = []
    for words, places in re.findall(f"({names}) in ({files})", FENCED.sub("", page.read_text())):
        for place in re.findall(r"[\w/]+\.py", places):
            source = next(root / place for root in PLACES if (root / place).exists()).read_text()
            missing += [
                (word, place)
                for word in re.findall(r"`(\w+)`", words)
                if not re.search(rf"\b{word}\b", source)
            ]

    assert missing == []


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("experiments/*.toml")), ids=lambda file: file.name
)
def test_every_page_named_in_an_experiment_exists(file: Path) -> None:
    named = re.findall(r"docs/[\w/.-]+\.md", file.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []
