"""Similarity, score masks, the store and the makers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from maskbank.bank.build import build_bank, overlap
from maskbank.bank.entry import Bank, Entry, open_bank
from maskbank.bank.methods import smsp, universal
from maskbank.bank.scoremask import sum_masks
from maskbank.bank.similarity import entry_leep, entry_model, leep
from maskbank.data.batches import training_batches
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.models.graph import find_layers
from maskbank.models.units import Gates
from maskbank.registry import MAKERS
from maskbank.training.batchnorm import batch_statistics
from tests.pruning.test_scores import sample_of, tiny_bank


def test_leep_by_hand() -> None:
    """Source classes that tell the targets apart perfectly give log 1 = 0; useless ones log(1/2)."""
    y = torch.tensor([0, 0, 1, 1])
    assert leep(torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]), y, 2) == pytest.approx(0)
    assert leep(torch.full((4, 3), 1 / 3), y, 2) == pytest.approx(math.log(0.5))
    # P(z): z1 = .75 of class 0 and .25 of class 1; by eq. 2 each example of class 0 expects .75*.75 + .25*.25
    probability = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]])
    assert leep(probability, y, 2) == pytest.approx(math.log(0.75**2 + 0.25**2))


def test_leep_against_its_definition_in_loops() -> None:
    generator = np.random.default_rng(0)
    theta = generator.dirichlet(np.ones(4), 30)
    y = generator.integers(0, 3, 30)
    joint = np.zeros((3, 4))
    for n in range(30):
        for z in range(4):
            joint[y[n], z] += theta[n, z] / 30
    expected = np.mean(
        [np.log(sum(joint[y[n], z] / joint[:, z].sum() * theta[n, z] for z in range(4))) for n in range(30)]
    )
    assert leep(torch.from_numpy(theta), torch.from_numpy(y), 3) == pytest.approx(expected)


def test_a_sliced_entry_answers_like_the_masked_net(architecture: Architecture) -> None:
    """Same masks, same head, batch statistics: the entry that is queried is the one that was learned."""
    torch.manual_seed(0)
    model = architecture.build().eval()
    entry, sample = tiny_bank(model, architecture.image).entries[0], sample_of(architecture)
    sliced = entry_model(model, find_layers(model, architecture.image), entry)
    head = sliced.get_classifier()
    with torch.no_grad():
        with batch_statistics(sliced):
            small = sliced(sample.x)
        with batch_statistics(model), Gates(model, find_layers(model, architecture.image), entry.mask):
            features = model.forward_head(model.forward_features(sample.x), pre_logits=True)
    assert torch.allclose(small, head(features), atol=1e-3)
    assert entry_leep(sliced, sample) <= 0


def entry(name: str, classes: tuple[int, ...], mask: list[float], soft: list[float]) -> Entry:
    values = {"l": torch.tensor(mask)}, {"l": torch.tensor(soft)}
    return Entry(name, classes, *values, torch.zeros(2, 3), torch.zeros(2), 0.5)


def test_score_masks_count_votes_then_soft_scores_then_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes 2, 1, 1, 0, 0; the tie at 1 goes to the larger soft sum, the tie at 0 to the larger weight."""
    from maskbank.bank import scoremask
    from maskbank.models.units import Layer

    monkeypatch.setattr(scoremask, "unit_weights", lambda model, layer: torch.tensor([[1.0], [1], [1], [2], [5]]))
    layer = Layer("l", "channel", 5, ("l",), "m")
    entries = [
        entry("one", (0, 1), [1, 1, 0, 0, 0], [0.9, 0.3, 0.4, 0.1, 0.1]),
        entry("two", (2, 3), [1, 0, 1, 0, 0], [0.9, 0.1, 0.5, 0.1, 0.1]),
    ]
    scores = sum_masks(torch.nn.Identity(), [layer], entries)["l"]
    assert scores.argsort(descending=True).tolist() == [0, 2, 1, 4, 3]
    assert scores.floor().tolist() == [2, 1, 1, 0, 0]


def test_methods_use_class_disjoint_entries_only(small: Architecture) -> None:
    model = small.build().eval()
    made = tiny_bank(model, small.image).entries
    shared = Entry("shared", (0, 9), {name: mask * 0 + 1 for name, mask in made[0].mask.items()}, made[0].soft,
                   made[0].head_weight, made[0].head_bias, 0.5)  # fmt: skip
    layers, sample = find_layers(model, small.image), sample_of(small)
    clean = universal.score(model, layers, sample, Bank("h", made), (0, 1))
    mixed = universal.score(model, layers, sample, Bank("h", (*made, shared)), (0, 1))
    assert all(torch.equal(clean[name], mixed[name]) for name in clean)
    with pytest.raises(InputError, match="none of 1 entries is class-disjoint"):
        smsp.score(model, layers, sample, Bank("h", (shared,)), (0, 1))


def test_smsp_with_all_neighbours_is_universal(small: Architecture) -> None:
    model = small.build().eval()
    bank, layers = tiny_bank(model, small.image), find_layers(model, small.image)
    everything = smsp.score(model, layers, sample_of(small), bank, (0, 1), neighbours=3)
    whole = universal.score(model, layers, sample_of(small), bank, (0, 1))
    assert all(torch.allclose(everything[name], whole[name]) for name in whole)
    nearest = smsp.score(model, layers, sample_of(small), bank, (0, 1), neighbours=1)
    assert max(float(values.max()) for values in nearest.values()) < 2


def made_entries(tmp_path: Path) -> list[tuple[dict[str, object], Path]]:
    made = []
    for number, mask in enumerate(([1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0])):
        path = tmp_path / f"{number}.safetensors"
        save_file(
            {
                "mask/l": np.array(mask, bool),
                "soft/l": np.array(mask, np.float32) / 2,
                "head/weight": np.full((2, 3), number, np.float32),
                "head/bias": np.zeros(2, np.float32),
            },
            path,
        )
        made.append(({"task": f"s0/b{number}", "classes": [number, number + 1], "accuracy": 0.5}, path))
    return made


def test_a_bank_comes_back_as_built(tmp_path: Path) -> None:
    build_bank(tmp_path / "bank", "s0", "dense1", made_entries(tmp_path))
    bank = open_bank(tmp_path / "bank", "s0", "dense1")
    assert [each.task for each in bank.entries] == ["s0/b0", "s0/b1", "s0/b2"]
    assert bank.entries[1].mask["l"].tolist() == [1, 0, 1, 0]
    assert bank.entries[2].head_weight.tolist() == [[2.0] * 3] * 2


def test_overlap_by_shared_classes(tmp_path: Path) -> None:
    """Pairs (0,1) and (1,2) share a class and have IoU 1/3; (0,2) shares none and is equal. Chance: 1 / (4 - 1)."""
    about = build_bank(tmp_path / "bank", "s0", "dense1", made_entries(tmp_path))
    assert about["overlap"] == pytest.approx({"iou_sharing_0": 1.0, "iou_sharing_1": 1 / 3, "iou_random": 1 / 3})
    assert overlap({"0/mask/l": np.array([True])}, [{0}]) == {"iou_random": None}


def test_banks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    build_bank(folder, "s0", "dense1", made_entries(tmp_path))
    with pytest.raises(InputError, match="made on checkpoint dense1, not on dense2"):
        open_bank(folder, "s0", "dense2")
    build_bank(folder, "s1", "dense1", [])
    with pytest.raises(InputError, match="the bank is empty"):
        open_bank(folder, "s1", "dense1")
    path = folder / "s0.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="altered since it was built"):
        open_bank(folder / ".", "s0", "dense1")


@pytest.mark.parametrize("name", MAKERS.names())
def test_every_maker_meets_its_budget_and_leaves_the_backbone_alone(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model = architecture.build().eval()
    sample, cost = sample_of(architecture), trace_cost(model, architecture.image)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batches = [(sample.x[:16], sample.y[:16])] * 6
    learned = MAKERS.module(name).make(model, list(cost.layers), cost, iter(batches), 0.5, 6, 0.1)
    kept = sum(int(mask.sum()) for mask in learned.mask.values())
    assert kept == round(0.5 * sum(layer.count for layer in cost.layers))
    for layer in cost.layers:
        assert set(learned.mask[layer.name].unique().tolist()) <= {0.0, 1.0}
        assert learned.mask[layer.name].sum() >= 1
        assert ((learned.soft[layer.name] >= 0) & (learned.soft[layer.name] <= 1)).all()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_amp_finds_the_one_unit_that_matters(small: Architecture, data: DataSet) -> None:
    """Scores fall where they do not help: after some steps they are no longer all equal."""
    from maskbank.bank.makers import amp

    torch.manual_seed(0)
    model = small.build()
    cost = trace_cost(model, (1, 8))
    batches = training_batches(data, data.examples("train", (0, 1, 2, 3)), 16, 20, torch.Generator().manual_seed(0))
    learned = amp.make(model, list(cost.layers), cost, batches, 0.5, 20, 0.1)
    assert any(len(soft.unique()) > 2 for soft in learned.soft.values())
