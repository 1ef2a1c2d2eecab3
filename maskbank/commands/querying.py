"""`maskbank bank query`: the entries of a bank that are nearest to a stored task, or to classes of the prepared data."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskbank.bank.neighbours import across_ways
from maskbank.bank.similarities import leep
from maskbank.bank.store import MaskBank, open_bank
from maskbank.bank.target import Target
from maskbank.commands.banking import described, table
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import Classes, DataSet, open_dataset
from maskbank.data.prepared import PREPARED, prepared_hash
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact, read_index, stage_folder
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture, load_model
from maskbank.params import load_params
from maskbank.pruning.sample import Sample
from maskbank.seeds import torch_generator
from maskbank.training.prototypes import class_prototypes


def query(given: Namespace) -> str:
    """The `count` nearest class-disjoint entries by prototype cosine; LEEP, where asked for, orders these."""
    torch.set_num_threads(1)
    bank = open_bank(Path(given.bank))
    if given.entry is None:
        rows = of_classes(bank, given.classes, given)
    elif given.leep:
        raise InputError("--leep: needs images; ask for a target with --classes, not with --entry")
    else:
        entry = bank.entry(bank.find(given.entry))
        free = bank.free(entry.dataset, entry.classes)
        rows = rows_of(bank, *bank.nearest(entry.prototypes, free, given.count))
    return json.dumps(rows, indent=2) if given.json else table(rows)


def rows_of(bank: MaskBank, indices: NDArray[np.int64], similarity: NDArray[np.float64]) -> list[dict[str, Any]]:
    keys = ("id", "dataset", "task", "classes", "accuracy")
    known = [described(bank, int(index)) for index in indices]
    return [
        {"similarity": float(value), **{key: row[key] for key in keys}}
        for value, row in zip(similarity, known, strict=True)
    ]


def of_classes(bank: MaskBank, classes: Classes, given: Namespace) -> list[dict[str, Any]]:
    data = open_dataset(PREPARED, prepared_hash())
    wrong = [label for label in classes if not 0 <= label < len(data.names)]
    if wrong or len(set(classes)) < len(classes) or len(classes) < 2:
        raise InputError(
            f"--classes {list(classes)}: expected two or more different labels of 0..{len(data.names) - 1}"
        )
    name = load_params().data.name
    artifact = dense_artifact(bank.identity.dense_hash)
    model = load_model(Architecture.of(artifact.description), artifact.path)
    prototypes = class_prototypes(model, data, classes, given.images)
    indices, similarity = bank.nearest(prototypes, bank.free(name, classes), given.count)
    rows = rows_of(bank, indices, similarity)
    if not given.leep:
        return rows
    values = leep_values(bank, indices, model, data, prototypes, name, classes, given.images)
    best = np.argsort(-across_ways(values, bank.ways(indices)), kind="stable")
    return [{"leep": float(values[place]), **rows[place]} for place in best]


def dense_artifact(dense_hash: str) -> Artifact:
    """The pretrained model that a bank's masks are of."""
    folder = stage_folder("pretrain")
    for index in sorted(folder.glob("*/index.json")):
        for artifact in read_index(index.parent):
            if artifact.hash == dense_hash:
                return artifact
    raise InputError(f"{folder}: no checkpoint {dense_hash}, of which this bank is; run `dvc repro pretrain`")


def leep_values(
    bank: MaskBank, indices: NDArray[np.int64], model: nn.Module, data: DataSet, prototypes: Tensor, name: str,
    classes: Classes, images: int,
) -> NDArray[np.float64]:  # fmt: skip
    """LEEP of the target to some entries, on the images that its prototypes are of."""
    examples = data.examples("train", classes, images)
    generator = torch_generator(0, "query")
    sample = Sample(data.normalise(examples.x), examples.y, generator)
    cost = trace_cost(model, data.image_shape)

    def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        return TrainingBatches(data, examples, 32, steps, generator)

    target = Target(name, classes, sample, cost, 1.0, lambda: prototypes, batches)
    return leep.similarity(model, list(cost.layers), target, bank, indices)
