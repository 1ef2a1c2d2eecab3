"""List what params.yaml may name."""

import json
from argparse import ArgumentParser, Namespace

from maskbank import registry
from maskbank.params import PROFILES, profile_names

KINDS = {
    "scores": registry.SCORES,
    "methods": registry.METHODS,
    "recipes": registry.RECIPES,
    "backbones": registry.BACKBONES,
    "sources": registry.SOURCES,
    "compressors": registry.COMPRESSORS,
    "sparsifiers": registry.SPARSIFIERS,
    "workloads": registry.WORKLOADS,
    "learners": registry.LEARNERS,
    "similarities": registry.SIMILARITIES,
}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=[*KINDS, "profiles"])
    parser.add_argument("--json", action="store_true")


def run(given: Namespace) -> None:
    if given.kind == "profiles":
        rows = [{"name": name, "summary": profile_summary(name), "options": []} for name in profile_names()]
    else:
        kind = KINDS[given.kind]
        rows = [{"name": name, "summary": kind.summary(name), "options": kind.options(name)} for name in kind.names()]
    if given.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:24} {row['summary']}")


def profile_summary(name: str) -> str:
    return (PROFILES / f"{name}.yaml").read_text().split("\n")[0].lstrip("# ")
