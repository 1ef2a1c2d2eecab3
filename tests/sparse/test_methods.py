"""Sparse training: every listed method ends at the exact sparsity, in the exact steps, with zeros that stay zero."""

import pytest
import torch
from torch.nn import functional as F

from maskbank.data.batches import training_batches
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError, WorkError
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import check_masks, magnitudes, weight_masks
from maskbank.registry import SPARSIFIERS
from maskbank.sparse.methods import c_gap
from maskbank.sparse.trainer import SparseTrainer
from maskbank.training.loop import Curve


@pytest.fixture
def trainer(small: Architecture, data: DataSet) -> SparseTrainer:
    torch.manual_seed(0)
    model, generator = small.build(), torch.Generator().manual_seed(0)
    batches = training_batches(data, data.examples("train", (0, 1, 2, 3)), 8, 100, generator)
    return SparseTrainer(model, batches, 8, 0.01, trace_cost(model, (1, 8)), generator, "float32", Curve(16, 4))


@pytest.mark.parametrize("name", SPARSIFIERS.names())
@pytest.mark.parametrize("allocation", ["uniform", "global"])
def test_every_method_keeps_its_promises(name: str, allocation: str, trainer: SparseTrainer) -> None:
    module = SPARSIFIERS.module(name)
    budget = 1.0 if module.ROLE == "reference" else 0.25
    module.train(trainer, budget, allocation, 16)
    live = sum(int(mask.sum()) for mask in trainer.masks.values())
    total = sum(mask.numel() for mask in trainer.masks.values())
    if allocation == "global" or budget == 1:
        assert live == round(budget * total)
    else:
        assert all(int(mask.sum()) == round(budget * mask.numel()) for mask in trainer.masks.values())
    for key, weight in trainer.weights.items():
        assert (weight[~trainer.masks[key]] == 0).all(), "a masked weight came back"
    assert trainer.steps == 16
    assert trainer.macs > 0
    assert [step for step, *_ in trainer.curve.rows] == [4, 8, 12, 16]


def test_revived_weights_start_at_zero_and_masked_ones_never_move(trainer: SparseTrainer) -> None:
    name = next(iter(trainer.weights))
    half = (torch.arange(trainer.masks[name].numel()) % 2 == 0).reshape(trainer.masks[name].shape)
    trainer.set_masks({name: half})
    trainer.phase(3, "constant")
    assert (trainer.weights[name][~half] == 0).all()
    c_gap.grow(trainer, [name])
    assert (trainer.weights[name][~half] == 0).all()
    trainer.phase(1, "constant")
    assert (trainer.weights[name][~half] != 0).any(), "a grown layer learns"


def test_training_costs_what_is_live(trainer: SparseTrainer) -> None:
    """Two dense steps and two with every prunable weight masked: 3 * batch * steps * MACs."""
    dense = trainer.cost.macs(trainer.cost.dense)
    trainer.phase(2, "constant")
    assert trainer.macs == 3 * 8 * 2 * dense
    trainer.set_masks({name: torch.zeros_like(mask) for name, mask in trainer.masks.items()})
    bare = trainer.cost.sparse_macs(dict.fromkeys(trainer.masks, 0.0))
    trainer.phase(2, "constant")
    assert trainer.macs == 3 * 8 * 2 * (dense + bare)
    assert 0 < bare < dense


def test_partitions_are_runs_in_forward_order() -> None:
    assert c_gap.contiguous(list("abcdefg"), 3) == [["a", "b"], ["c", "d", "e"], ["f", "g"]]


def test_what_does_not_fit_is_said(trainer: SparseTrainer) -> None:
    with pytest.raises(InputError, match=r"c_gap\.partitions = 99: the model has \d+ layers"):
        c_gap.train(trainer, 0.2, "uniform", 16, partitions=99)
    with pytest.raises(InputError, match=r"sparsify\.steps = 4: too few for 8 growth phases"):
        c_gap.train(trainer, 0.2, "uniform", 4)
    with pytest.raises(InputError, match="out of reach"):
        c_gap.train(trainer, 0.0001, "uniform", 16, partitions=2)


def test_masks_hold_under_momentum_and_decay(trainer: SparseTrainer) -> None:
    """Adam with weight decay, masks set before the optimizer is made: no masked weight ever moves."""
    trainer.set_masks(weight_masks(magnitudes(trainer.weights), 0.2, "uniform"))
    optimizer = torch.optim.Adam(trainer.model.parameters(), 0.05, weight_decay=0.1)
    for _ in range(4):
        step(trainer, optimizer)
        check_masks(trainer.weights, trainer.masks)


def test_weights_that_momentum_brings_back_are_named(trainer: SparseTrainer) -> None:
    """The defect that the invariant is for: masks set in mid-run, gradients masked, moments not."""
    optimizer = torch.optim.Adam(trainer.model.parameters(), 0.05, weight_decay=0.1)
    step(trainer, optimizer)
    trainer.set_masks(weight_masks(magnitudes(trainer.weights), 0.2, "uniform"))
    check_masks(trainer.weights, trainer.masks)
    step(trainer, optimizer)
    with pytest.raises(WorkError, match=r"conv\d\.weight: \d+ of \d+ masked weights are not zero"):
        check_masks(trainer.weights, trainer.masks)


def test_a_phase_ends_with_the_invariant(trainer: SparseTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.set_masks(weight_masks(magnitudes(trainer.weights), 0.2, "uniform"))
    monkeypatch.setattr(torch.Tensor, "mul_", lambda value, other: value)
    with pytest.raises(WorkError, match="masked weights are not zero"):
        trainer.phase(1, "constant")


def step(trainer: SparseTrainer, optimizer: torch.optim.Optimizer) -> None:
    """One step of the trainer's model on its next batch, gradients masked."""
    x, y = next(trainer.batches)
    optimizer.zero_grad()
    F.cross_entropy(trainer.model(x), y).backward()
    for name, weight in trainer.weights.items():
        weight.grad.mul_(trainer.masks[name])
    optimizer.step()
