"""The model registry: one live version for each pretrained checkpoint of the records, found by its tags.

A checkpoint is logged to the run of its cell, its files first and its status last; then a version of the registered model
is made of it with all its tags, and at last the aliases are moved. What a killed writer has left is so told from what
is whole. A version cannot be given another run: where the run of a cell was replaced, the logged checkpoint stays and a new
version ties it to the new run. Versions that are no longer current are marked `superseded` and kept.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskbank.tracking.checkpoints import CHECKPOINT, Checkpoint, alias_names, read_example
from maskbank.tracking.logged import check_place, is_whole, log_checkpoint, tie
from maskbank.tracking.store import Store, all_pages

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

LISTED = "mlflow.modelVersions"  # tag of a logged model from which MLflow's UI knows its versions
Runs = Mapping[str, Iterable[str]]  # cell_key -> ids of its runs


@dataclass
class Registry:
    """What the registry holds of this experiment; what others have put there is left alone."""

    store: Store
    versions: "list[ModelVersion]"  # newest first
    logged: "dict[str, LoggedModel]"  # place of the files -> model, those that are whole
    torn: "list[LoggedModel]"
    aliases: dict[str, dict[str, str]]  # registered model -> alias -> version

    def live(self, checkpoint: Checkpoint, runs: Runs) -> "list[ModelVersion]":
        """The versions of this very checkpoint, on the run of its cell. More than one are one too many."""
        ids = list(runs.get(checkpoint.cell_key, []))
        return [
            version
            for version in self.versions
            if version.name == checkpoint.name
            and version.tags["content_hash"] == checkpoint.content_hash
            and version.run_id in ids
            and version.source in self.logged
        ]

    def whole(self, checkpoint: Checkpoint) -> "LoggedModel | None":
        """The logged checkpoint, if there is one: whatever run it is tied to."""
        found = (model for model in self.logged.values() if model.tags.get("content_hash") == checkpoint.content_hash)
        return next((model for model in found if model.tags.get("cell_key") == checkpoint.cell_key), None)


@dataclass(frozen=True)
class Settled:
    """What was done: versions made, versions left as they were, versions that are not current."""

    created: int = 0
    kept: int = 0
    superseded: int = 0


def open_registry(store: Store, experiment: str, names: Iterable[str]) -> Registry:
    client = store.client
    versions = all_pages(lambda token: client.search_model_versions(f"tags.kind = '{CHECKPOINT}'", page_token=token))
    own = [one for one in versions if one.tags.get("experiment") == experiment and "content_hash" in one.tags]
    models = all_pages(lambda token: client.search_logged_models([store.experiment_id], page_token=token))
    checkpoints = [model for model in models if model.tags.get("kind") == CHECKPOINT]
    whole = {model.artifact_location: model for model in checkpoints if is_whole(model)}
    aliases = {}
    for name in sorted({*names, *(version.name for version in own)}):
        for found in client.search_registered_models(f"name = '{name}'"):
            aliases[name] = {alias: str(number) for alias, number in found.aliases.items()}
    return Registry(
        store,
        sorted(own, key=lambda version: -int(version.version)),
        whole,
        [model for model in checkpoints if model.artifact_location not in whole],
        aliases,
    )


def make_version(registry: Registry, checkpoint: Checkpoint, run_id: str, example: NDArray[np.uint8]) -> "ModelVersion":
    """A new version on this run, of the checkpoint as it was logged before or, where it was not, is logged now."""
    client = registry.store.client
    model = registry.whole(checkpoint)
    if model is None:
        model = log_checkpoint(registry.store, checkpoint, run_id, example)
    elif model.source_run_id != run_id:
        tie(registry.store, model, run_id)
    if checkpoint.name not in registry.aliases:
        about = f"{checkpoint.tags['backbone']} pretrained by maskbank: a version each recipe and seed, named by the aliases"
        client.create_registered_model(checkpoint.name, description=about)
        registry.aliases[checkpoint.name] = {}
    version = client.create_model_version(
        checkpoint.name,
        model.artifact_location,
        run_id,
        tags=checkpoint.tags,
        model_id=model.model_id,
        await_creation_for=0,
    )
    list_version(registry, model, version)
    return version


def list_version(registry: Registry, model: "LoggedModel", version: "ModelVersion") -> None:
    """Have the logged model name the version, as MLflow does where a model is logged and registered in one call."""
    listed = json.loads(model.tags.get(LISTED, "[]"))
    entry = {"name": version.name, "version": str(version.version)}
    if entry not in listed:
        registry.store.client.set_logged_model_tags(model.model_id, {LISTED: json.dumps([*listed, entry])})


def settle_tags(registry: Registry, checkpoint: Checkpoint, version: "ModelVersion") -> None:
    """Put the tags of a live version right."""
    list_version(registry, registry.logged[str(version.source)], version)
    for name in wrong_tags(checkpoint, version):
        registry.store.client.set_model_version_tag(checkpoint.name, version.version, name, checkpoint.tags[name])
    if "superseded" in version.tags:
        registry.store.client.delete_model_version_tag(checkpoint.name, version.version, "superseded")


def wrong_tags(checkpoint: Checkpoint, version: "ModelVersion") -> list[str]:
    return [name for name, value in checkpoint.tags.items() if version.tags.get(name) != value]


def wanted_aliases(current: "list[tuple[Checkpoint, ModelVersion]]") -> dict[str, dict[str, str]]:
    """Registered model -> alias -> version."""
    wanted: dict[str, dict[str, str]] = {}
    for checkpoint, version in current:
        wanted.setdefault(checkpoint.name, {}).update(dict.fromkeys(checkpoint.aliases, str(version.version)))
    return wanted


def stale_aliases(registry: Registry, name: str, wanted: Mapping[str, str]) -> list[str]:
    """Aliases that an earlier state of the records has left; those that a user gave to a version are not among them."""
    given = {str(version.version): alias_names(version.tags) for version in registry.versions if version.name == name}
    held = registry.aliases.get(name, {})
    return [alias for alias, number in held.items() if alias not in wanted and alias in given.get(number, ())]


def outdated(registry: Registry, current: "list[tuple[Checkpoint, ModelVersion]]") -> "list[ModelVersion]":
    kept = {(version.name, str(version.version)) for _, version in current}
    return [version for version in registry.versions if (version.name, str(version.version)) not in kept]


def reconcile_models(store: Store, experiment: str, checkpoints: list[Checkpoint], runs: Mapping[str, str]) -> Settled:
    """Leave one live version of each checkpoint, on the run (`runs`: cell_key -> id) of its cell, and the aliases on those.

    Raises InputError where weights are not as pretrain left them, WorkError where the server takes no artifacts.
    """
    registry = open_registry(store, experiment, {checkpoint.name for checkpoint in checkpoints})
    client, created = store.client, 0
    current: list[tuple[Checkpoint, ModelVersion]] = []
    example: NDArray[np.uint8] | None = None
    for model in registry.torn:
        client.delete_logged_model(model.model_id)
    for checkpoint in checkpoints:
        live = registry.live(checkpoint, {checkpoint.cell_key: [runs[checkpoint.cell_key]]})[:1]
        for version in live:
            settle_tags(registry, checkpoint, version)
        if not live:
            if example is None:
                check_place(store)
                example = read_example()
            live = [make_version(registry, checkpoint, runs[checkpoint.cell_key], example)]
            created += 1
        current += [(checkpoint, version) for version in live]
    old = outdated(registry, current)
    for version in old:
        if version.tags.get("superseded") != "true":
            client.set_model_version_tag(version.name, version.version, "superseded", "true")
    wanted = wanted_aliases(current)
    for name, held in registry.aliases.items():
        for alias, number in wanted.get(name, {}).items():
            if held.get(alias) != number:
                client.set_registered_model_alias(name, alias, number)
        for alias in stale_aliases(registry, name, wanted.get(name, {})):
            client.delete_registered_model_alias(name, alias)
    return Settled(created, len(checkpoints) - created, len(old))


def check_models(store: Store, experiment: str, checkpoints: list[Checkpoint], runs: Runs) -> list[str]:
    """Where the registry disagrees with the checkpoints, one line each."""
    registry = open_registry(store, experiment, {checkpoint.name for checkpoint in checkpoints})
    lines, current = [], []
    for checkpoint in checkpoints:
        live = [version for version in registry.live(checkpoint, runs) if "superseded" not in version.tags]
        if len(live) != 1:
            lines.append(f"{checkpoint.describe()}: {len(live)} live versions instead of 1")
        for version in live[:1]:
            current.append((checkpoint, version))
            wrong = [f"tag {name} differs" for name in wrong_tags(checkpoint, version)]
            if wrong:
                lines.append(f"{checkpoint.describe()}: version {version.version}: {'; '.join(wrong[:3])}")
    lines += [
        f"version {version.version} of {version.name} is no longer current and not marked superseded"
        for version in outdated(registry, current)
        if version.tags.get("superseded") != "true"
    ]
    wanted = wanted_aliases(current)
    for name in sorted({*wanted, *registry.aliases}):
        held = registry.aliases.get(name, {})
        for alias, number in wanted.get(name, {}).items():
            if held.get(alias) != number:
                lines.append(f"alias {alias} of {name} is version {held.get(alias, 'none')}, not {number}")
        lines += [
            f"alias {alias} of {name} is left over" for alias in stale_aliases(registry, name, wanted.get(name, {}))
        ]
    return lines + [f"model {model.model_id} was logged in part" for model in registry.torn]
