"""Where a report comes from: commit, versions, hashes."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

PACKAGES = ("maskbank", "torch", "numpy", "scipy", "pandas", "matplotlib", "dvc", "mlflow")


def git_commit() -> str:
    """The commit of the working tree, with a note where files differ from it."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not in a git repository"
    return f"{commit} with changes" if changed else commit


def package_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def provenance(records: pd.DataFrame, records_hash: str) -> dict[str, str]:
    """What identifies the run, label by label."""

    def distinct(column: str) -> str:
        values = sorted(map(str, records[column].unique()))
        return ", ".join(values[:6]) + (f" and {len(values) - 6} more" if len(values) > 6 else "") or "none"

    return {
        "records (SHA-256, first 16 digits)": records_hash,
        "git commit": git_commit(),
        "suite": distinct("suite"),
        "suite version": distinct("suite_version"),
        "profile": distinct("profile"),
        "data set": distinct("dataset"),
        "numerics class": distinct("numerics_class"),
        "code versions": distinct("code_version"),
        "schema version": distinct("schema_version"),
        **package_versions(),
    }
