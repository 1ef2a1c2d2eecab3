"""Which code logged a run."""

import os
import subprocess

from maskbank.records.schema import NONE


def git(*arguments: str) -> str | None:
    """What a git command prints, or None outside a repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def provenance() -> dict[str, str]:
    """Tags of the checkout and the DVC stage that log: not part of a run's content, so a commit re-logs nothing."""
    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no")
    tags = {
        "git_commit": commit or NONE,
        "git_dirty": NONE if changes is None else str(bool(changes)).lower(),
        "dvc_stage": os.environ.get("DVC_STAGE") or NONE,
        "mlflow.source.name": "maskbank",
    }
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})
