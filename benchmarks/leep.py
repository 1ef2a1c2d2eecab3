"""LEEP of target tasks to every entry of a bank: sliced, prefix shared, shortlisted, against full-width masked forwards.

Reads the banks of a checkout in which `dvc repro bank` has run; a bank of some 50 entries or more is informative. Prints
for each way the MACs and CPU-seconds a target costs, and how many of the same 8 neighbours it finds.
"""

import argparse
import copy
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maskbank.bank.neighbours import find_neighbours
from maskbank.bank.similarities.leep import leep
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.cells.spec import Cell
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.entries import cell_bank
from maskbank.experiments.state import State
from maskbank.experiments.subnetwork import show, target_of
from maskbank.measures.cost import trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.heads import features
from maskbank.models.units import Gates, Layer
from maskbank.params import load_params
from maskbank.stages.transfer import TransferSpec, plan
from maskbank.training.batchnorm import batch_statistics

NEIGHBOURS = 8


@torch.no_grad()
def full_width(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> NDArray[np.int64]:
    """The nearest by LEEP of the masked, unsliced model for every entry: what the cheap ways are measured against."""
    free, values = bank.free(target.dataset, target.classes), []
    for index in free:
        entry = bank.entry(int(index))
        with batch_statistics(model), Gates(model, layers, entry.mask):
            seen = torch.cat([features(model, x) for x, _ in target.sample.chunks(128)])
        logits = seen @ entry.head_weight.T + entry.head_bias
        values.append(leep(logits.softmax(1), target.sample.y, len(target.classes)))
    return free[np.argsort(-np.array(values), kind="stable")[:NEIGHBOURS]]


def unlisted(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> NDArray[np.int64]:
    return find_neighbours(model, layers, target, bank, count=NEIGHBOURS, shortlist=0, rough=0).indices


def shortlisted(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> NDArray[np.int64]:
    """As SMSP does it."""
    return find_neighbours(model, layers, target, bank, count=NEIGHBOURS).indices


def from_prototypes(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> NDArray[np.int64]:
    """LEEP of the 24 nearest by prototypes."""
    return find_neighbours(model, layers, target, bank, count=NEIGHBOURS, shortlist=24, rough=0).indices


def prototypes(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> NDArray[np.int64]:
    return find_neighbours(model, layers, target, bank, count=NEIGHBOURS, similarity="prototypes").indices


def targets(limit: int) -> list[Cell[TransferSpec]]:
    """A cell of SMSP for each of the first target tasks of each split."""
    params = load_params()
    cells = {cell.spec.task: cell for cell in plan(params, State(params)) if cell.spec.method == "smsp"}
    return list(cells.values())[:limit]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spent: dict[str, list[tuple[int, float, float]]] = {}
    sizes = []
    for cell in targets(arguments.targets):
        data, dense, bank = cell_data(cell), dense_model(cell), cell_bank(cell)
        shown = show(cell.spec, data)
        cost = trace_cost(dense, data.image_shape)
        reference: set[int] = set()
        for way in (full_width, unlisted, shortlisted, from_prototypes, prototypes):
            model = copy.deepcopy(dense)
            target = target_of(shown, model, cost)
            started = time.process_time()
            with MacCounter() as counted:
                found = set(way(model, list(cost.layers), target, bank).tolist())
            seconds = time.process_time() - started
            reference = reference or found
            same = len(found & reference) / len(reference)
            spent.setdefault(way.__name__, []).append((counted.macs, seconds, same))
        sizes.append(len(bank.free(cell.spec.dataset, cell.spec.classes)))
    whole = np.mean(spent["full_width"], axis=0)
    print(f"{len(sizes)} targets, {min(sizes)} to {max(sizes)} class-disjoint entries, {NEIGHBOURS} neighbours")
    for name, rows in spent.items():
        macs, seconds, same = np.mean(rows, axis=0)
        print(
            f"{name:15} {macs / 1e9:9.3f} GMACs ({whole[0] / max(macs, 1):6.1f} x less) "
            f"{seconds:7.3f} CPU-s ({whole[1] / seconds:5.1f} x less), same neighbours {same:.3f}"
        )


if __name__ == "__main__":
    main()
