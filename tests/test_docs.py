"""Every name that a report can show has its page in the repository; the README's commands exist."""

import re
from pathlib import Path

import pytest

from maskbank import registry
from maskbank.cli import parser
from maskbank.statistics.rules import RULES

ROOT = Path(__file__).parents[1]
METHODS = (ROOT / "docs/methods.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "kind",
    [registry.METHODS, registry.COMPRESSORS, registry.RECIPES, registry.SPARSIFIERS, registry.LEARNERS],
    ids=lambda kind: kind.noun,
)
def test_every_name_has_its_entry(kind: registry.Registry) -> None:
    headings = set(re.findall(r"^#+ (\S+)$", METHODS, re.MULTILINE))
    assert set(kind.names()) <= headings


def test_every_rule_has_its_entry() -> None:
    headings = set(re.findall(r"^### (\S+)", (ROOT / "docs/rules.md").read_text(), re.MULTILINE))
    assert {name for name, *_ in RULES} <= headings


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_readme_names_every_stage_and_only_commands_that_exist() -> None:
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == list(registry.pipeline())
    commands = set(re.findall(r"^maskbank (\w+)", README, re.MULTILINE))
    known = next(action.choices for action in parser()._actions if action.choices)
    assert commands <= set(known)


def test_the_size_cuts_are_what_the_script_counts() -> None:
    from benchmarks.paoding_sizes import table

    assert (ROOT / "docs/paoding_sizes.md").read_text() == table()
