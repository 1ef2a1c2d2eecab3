"""Similarity, neighbours, score masks, the methods that use them, and the learners."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from maskbank.bank.consensus import consensus
from maskbank.bank.learned import Learned
from maskbank.bank.methods import class_gates, farthest, nearest, random_neighbours, shuffled, smsp, universal
from maskbank.bank.methods import magnitude_widths as widths
from maskbank.bank.neighbours import Neighbours, across_ways, find_neighbours
from maskbank.bank.scoremask import break_ties, score_mask
from maskbank.bank.similarities.leep import leep
from maskbank.bank.similarities.leep import similarity as leep_similarity
from maskbank.bank.subnets import Subnets, as_entry, shared_prefix
from maskbank.bank.target import Target
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.measures.cost import trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.checkpoint import Architecture
from maskbank.models.graph import find_layers
from maskbank.models.units import Gates, Layer
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select
from maskbank.registry import LEARNERS, METHODS, SIMILARITIES
from maskbank.training.batchnorm import batch_statistics
from tests.bank.tiny import bank_of, sample_of, target_of, tiny_bank, tiny_entries
from tests.conftest import crossed


def test_leep_by_hand() -> None:
    """Source classes that tell the targets apart perfectly give log 1 = 0; useless ones log(1/2)."""
    y = torch.tensor([0, 0, 1, 1])
    assert leep(torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]), y, 2) == pytest.approx(0)
    assert leep(torch.full((4, 3), 1 / 3), y, 2) == pytest.approx(math.log(0.5))
    # P(z): z1 = .75 of class 0 and .25 of class 1; by eq. 2 each example of class 0 expects .75*.75 + .25*.25
    probability = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]])
    assert leep(probability, y, 2) == pytest.approx(math.log(0.75**2 + 0.25**2))


@pytest.mark.parametrize(("ways", "sources"), [(3, 4), (2, 2), (5, 3), (4, 10)])
def test_leep_against_its_definition_in_loops(ways: int, sources: int) -> None:
    generator = np.random.default_rng(ways)
    theta = generator.dirichlet(np.ones(sources), 60)
    y = generator.permutation(np.arange(60) % ways)
    joint = np.zeros((ways, sources))
    for n in range(60):
        for z in range(sources):
            joint[y[n], z] += theta[n, z] / 60
    expected = np.mean(
        [np.log(sum(joint[y[n], z] / joint[:, z].sum() * theta[n, z] for z in range(sources))) for n in range(60)]
    )
    found = leep(torch.from_numpy(theta), torch.from_numpy(y), ways)
    assert found == pytest.approx(expected)
    assert found <= 0


def test_a_sliced_entry_answers_like_the_masked_model(architecture: Architecture) -> None:
    """Same masks, same head, batch statistics: the entry that is queried is the one that was learned."""
    torch.manual_seed(0)
    model = architecture.build().eval()
    layers, sample = find_layers(model, architecture.image), sample_of(architecture)
    entry = tiny_entries(model, architecture.image)[0]
    head = torch.nn.Linear(entry.head_weight.shape[1], 2)
    head.weight, head.bias = torch.nn.Parameter(entry.head_weight), torch.nn.Parameter(entry.head_bias)
    with torch.no_grad():
        with as_entry(model, layers, entry), batch_statistics(model):
            small = model(sample.x)
        with batch_statistics(model), Gates(model, layers, entry.mask):
            features = model.forward_head(model.forward_features(sample.x), pre_logits=True)
    assert torch.allclose(small, head(features), atol=1e-3)


def test_sub_networks_share_what_comes_before_the_first_unit(architecture: Architecture) -> None:
    """Logits with the shared prefix are those without it, bit for bit; the model keeps its tensors and has no hooks."""
    torch.manual_seed(0)
    model = architecture.build().eval()
    layers, sample = find_layers(model, architecture.image), sample_of(architecture)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    chunks = [sample.x[:24], sample.x[24:]]
    subnets = Subnets(model, layers, chunks)
    stem_may_shrink = architecture.backbone == "resnet50"
    assert bool(subnets.prefix) != stem_may_shrink
    for entry in tiny_entries(model, architecture.image):
        with torch.no_grad(), as_entry(model, layers, entry), batch_statistics(model):
            expected = torch.cat([model(x) for x in chunks])
        assert torch.equal(subnets.logits(entry), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_the_prefix_ends_before_the_first_unit(small: Architecture) -> None:
    model = small.build().eval()
    x = torch.randn(4, 1, 8, 8)
    assert list(shared_prefix(model, find_layers(model, small.image), [x])) == ["stem"]
    assert shared_prefix(model, find_layers(model, small.image, "all"), [x]) == {}, "the stem's channels may leave too"


def test_sliced_leep_spends_fewer_macs(small: Architecture) -> None:
    model = small.build().eval()
    sample, bank = sample_of(small), tiny_bank(model, small.image)
    target = target_of(model, small, sample)
    with MacCounter() as spent:
        leep_similarity(model, list(target.cost.layers), target, bank, np.arange(3))
    dense = target.cost.macs(target.cost.dense)
    assert 0 < spent.macs < 0.7 * 3 * len(sample.x) * dense


def test_similarities_across_ways_are_standardised_within_each() -> None:
    values, ways = np.array([-1.0, -2.0, -0.2, -0.4, -0.9]), np.array([3, 3, 5, 5, 10])
    assert across_ways(values, ways) == pytest.approx([1, -1, 1, -1, 0])
    assert across_ways(values[:2], ways[:2]).tolist() == [-1, -2], "of one number of classes nothing changes"


def target_and_bank(architecture: Architecture) -> tuple[torch.nn.Module, Target, list[Layer]]:
    torch.manual_seed(0)
    model = architecture.build().eval()
    return model, target_of(model, architecture, sample_of(architecture)), find_layers(model, architecture.image)


def test_neighbours_are_class_disjoint_and_the_best(small: Architecture) -> None:
    model, target, layers = target_and_bank(small)
    entries = tiny_entries(model, small.image, ((4, 5), (6, 7), (4, 7), (0, 9), (5, 6)))
    bank = bank_of(model, small.image, entries)
    every = find_neighbours(model, layers, target, bank, count=9, shortlist=0)
    assert len(every.indices) == 4, "one shares a class with the target"
    assert (np.diff(every.similarity) <= 0).all()
    two = find_neighbours(model, layers, target, bank, count=2, shortlist=0)
    assert two.indices.tolist() == every.indices[:2].tolist()
    far = find_neighbours(model, layers, target, bank, count=2, order="farthest", shortlist=0)
    assert far.indices.tolist() == every.indices[::-1][:2].tolist()
    taken = replace(target, classes=(4, 6, 0))
    with pytest.raises(InputError, match="none of 5 entries is class-disjoint"):
        find_neighbours(model, layers, taken, bank, count=1)


def test_the_shortlist_is_by_prototypes_and_leep_ranks_it(small: Architecture) -> None:
    model, target, layers = target_and_bank(small)
    entries = tiny_entries(model, small.image, ((4, 5), (6, 7), (4, 7), (5, 6), (8, 9)))
    bank = bank_of(model, small.image, entries)
    listed, _ = bank.nearest(target.prototypes, np.arange(5), 3)
    found = find_neighbours(model, layers, target, bank, count=5, shortlist=3)
    assert sorted(found.indices.tolist()) == sorted(listed.tolist())
    values = leep_similarity(model, layers, target, bank, found.indices)
    assert found.similarity == pytest.approx(values)
    assert (np.diff(values) <= 0).all()
    assert len(find_neighbours(model, layers, target, bank, count=5, size=2).indices) == 2


def test_entries_of_other_ways_may_be_left_out(small: Architecture) -> None:
    model, target, layers = target_and_bank(small)
    bank = bank_of(model, small.image, tiny_entries(model, small.image, ((4, 5), (6, 7, 8, 9), (4, 7))))
    found = find_neighbours(model, layers, target, bank, count=3, same_ways=True)
    assert [bank.classes(int(index)) for index in found.indices] == [(6, 7, 8, 9)]
    with pytest.raises(InputError, match="none of 3 class-disjoint entries has 3 classes; they have 2, 4"):
        find_neighbours(model, layers, replace(target, classes=(0, 1, 2)), bank, count=3, same_ways=True)


def test_a_rough_look_keeps_some_and_the_full_one_ranks_them(small: Architecture) -> None:
    """A quarter of the images chooses three of five; the order among these is that of all images."""
    model, target, layers = target_and_bank(small)
    bank = bank_of(model, small.image, tiny_entries(model, small.image, ((4, 5), (6, 7), (4, 7), (5, 6), (8, 9))))
    quarter = replace(target, sample=target.sample.first(12))
    few = leep_similarity(model, layers, quarter, bank, np.arange(5))
    kept = set(np.argsort(-few, kind="stable")[:3].tolist())
    full = leep_similarity(model, layers, target, bank, np.arange(5))
    found = find_neighbours(model, layers, target, bank, count=1, rough=3)
    assert found.indices.tolist() == [max(kept, key=lambda index: full[index])]
    assert found.similarity.tolist() == [max(full[index] for index in kept)]


class Bank:
    """As much of a bank as score masks ask for: one layer."""

    def __init__(self, masks: list[list[float]], softs: list[list[float]]) -> None:
        self.mask, self.soft = np.array(masks), np.array(softs)

    def masks(self, indices: np.ndarray) -> np.ndarray:
        return self.mask[indices]

    def mask_sum(self, indices: np.ndarray) -> np.ndarray:
        return self.mask[indices].sum(0)

    def scores(self, indices: np.ndarray) -> np.ndarray:
        return self.soft[indices]

    def split(self, values: np.ndarray) -> dict[str, torch.Tensor]:
        return {"l": torch.from_numpy(values)}


MASKS = [[1, 1, 0, 0, 0], [1, 0, 1, 0, 0]]
SOFTS = [[0.9, 0.3, 0.4, 0.1, 0.1], [0.9, 0.1, 0.5, 0.1, 0.1]]


def ranked(monkeypatch: pytest.MonkeyPatch, aggregate: str, similarity: tuple[float, float] = (-1, -1)) -> torch.Tensor:
    from maskbank.bank import scoremask

    monkeypatch.setattr(scoremask, "unit_weights", lambda model, layer: torch.tensor([[1.0], [1], [1], [2], [5]]))
    chosen = Neighbours(np.arange(2), np.array(similarity))
    layer = Layer("l", "channel", 5, ())
    return score_mask(torch.nn.Identity(), [layer], Bank(MASKS, SOFTS), chosen, aggregate, 1.0)["l"]  # type: ignore[arg-type]


def test_votes_then_soft_scores_then_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes 2, 1, 1, 0, 0; the tie at 1 goes to the larger soft sum, the tie at 0 to the larger weight."""
    scores = ranked(monkeypatch, "votes")
    assert scores.argsort(descending=True).tolist() == [0, 2, 1, 4, 3]
    assert scores.round(decimals=4).tolist() == [2, 1, 1, 0, 0]


def test_other_score_masks_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranked(monkeypatch, "sum").round(decimals=4).tolist() == [1.8, 0.3, 0.5, 0, 0]
    weights = math.exp(-1) / (math.exp(-1) + math.exp(-3))
    weighted = ranked(monkeypatch, "weighted", (-1, -3))
    expected = [0.9, 0.3 * weights, 0.5 * (1 - weights), 0, 0]
    assert weighted.tolist() == pytest.approx(expected, abs=1e-4)
    normal = ranked(monkeypatch, "normalised")
    assert normal.tolist() == pytest.approx([0.9 / 1.2 + 0.9 / 1.4, 0.3 / 1.2, 0.5 / 1.4, 0, 0], abs=1e-4)


def test_ties_never_outrank_what_they_break(small: Architecture) -> None:
    """Also after a division by the MACs that a unit costs."""
    model = small.build()
    cost = trace_cost(model, small.image)
    generator = torch.Generator().manual_seed(0)
    first = {layer.name: torch.randint(0, 3, (layer.count,), generator=generator).double() for layer in cost.layers}
    second = {layer.name: torch.rand(layer.count, generator=generator) for layer in cost.layers}
    broken = break_ties(model, list(cost.layers), first, second)
    for name, value in first.items():
        assert (broken[name] - value).abs().max() < 2e-6
        for level in value.unique():
            own = value == level
            assert broken[name][own].argsort().tolist() == second[name][own].argsort().tolist()
    saved = cost.unit_macs()
    pairs = [(float(v), float(b), saved[n]) for n in first for v, b in zip(first[n], broken[n], strict=True)]
    for v, b, macs in pairs:
        for w, c, other in pairs:
            if v / macs < w / other:
                assert b / macs < c / other


def scores_of(name: str, model: torch.nn.Module, target: Target, layers: list[Layer], bank: object) -> dict:
    given = {"model": model, "layers": layers, "sample": target.sample, "target": target, "bank": bank}
    return METHODS.module(name).score(**{each: given[each] for each in METHODS.arguments(name)})


OF_SMSP = [name for name in METHODS.names() if METHODS.base(name) == "smsp"]


def test_controls_vary_one_thing(small: Architecture) -> None:
    model, target, layers = target_and_bank(small)
    bank = tiny_bank(model, small.image)
    own = smsp.score(model, layers, target, bank, neighbours=1)
    assert equal(nearest.score(model, layers, target, bank, neighbours=3), own), "M = 1"
    everything = smsp.score(model, layers, target, bank, neighbours=3)
    assert equal(universal.score(model, layers, target, bank), everything), "all neighbours are the whole bank"
    assert equal(farthest.score(model, layers, target, bank, neighbours=3), everything)
    for control in (shuffled, widths):
        dealt = control.score(model, layers, target, bank, neighbours=1)
        assert not equal(dealt, own)
        for name, values in own.items():
            assert torch.equal(dealt[name].sort().values, values.sort().values), "the same scores in each layer"
    drawn = [random_neighbours.score(model, layers, reseeded(target, seed), bank, neighbours=1) for seed in range(8)]
    assert 1 < len({tuple(scores["stages.0.0.branches.0.conv1"].tolist()) for scores in drawn}) <= 3


def reseeded(target: Target, seed: int) -> Target:
    return replace(target, sample=replace(target.sample, generator=torch.Generator().manual_seed(seed)))


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("allocation", ["uniform", "global_macs"])
@pytest.mark.parametrize("control", [shuffled, widths])
def test_width_controls_keep_the_widths_of_smsp(small: Architecture, control: object, allocation: str) -> None:
    model, target, layers = target_and_bank(small)
    bank, cost = tiny_bank(model, small.image), target.cost

    def counts(scores: dict[str, torch.Tensor]) -> dict[str, int]:
        kept = select(removal_order(scores, cost, allocation), cost, "units", 0.4)
        return {name: len(index) for name, index in kept.items()}

    mine = counts(smsp.score(model, layers, target, bank, neighbours=2))
    assert counts(control.score(model, layers, target, bank, neighbours=2)) == mine  # type: ignore[attr-defined]


def test_magnitude_in_the_widths_of_smsp_keeps_the_largest(small: Architecture) -> None:
    from maskbank.models.units import unit_weights

    model, target, layers = target_and_bank(small)
    dealt = widths.score(model, layers, target, tiny_bank(model, small.image))
    for layer in layers:
        assert dealt[layer.name].argsort().tolist() == unit_weights(model, layer).norm(dim=1).argsort().tolist()


def test_controls_take_the_options_of_what_they_vary() -> None:
    assert OF_SMSP == ["farthest", "magnitude_widths", "nearest", "random_neighbours", "scratch", "shuffled"]
    for name in OF_SMSP:
        assert METHODS.option_types(name) == METHODS.option_types("smsp")
    with pytest.raises(InputError, match="similarity = 'psychic': choose from label_free, leep, prototypes, random"):
        METHODS.check_options("shuffled", {"similarity": "psychic"}, "transfer.options.shuffled")


def test_similarities_that_may_be_asked_for_are_those_there_are() -> None:
    assert METHODS.option_types("smsp")["similarity"] == f"Literal{SIMILARITIES.names()}"


def test_class_gates_follow_the_nearest_stored_class(small: Architecture) -> None:
    """Prototypes of class 8 are those of the target's every class: only the entry that knows 8 votes."""
    model, target, layers = target_and_bank(small)
    entries = tiny_entries(model, small.image, ((8, 9), (6, 7)))
    own = target.prototypes.mean(0)
    entries[0] = replace(entries[0], prototypes=torch.stack([own, -own]))
    bank = bank_of(model, small.image, entries)
    scores = class_gates.score(model, layers, target, bank, nearest=1)
    for name, value in scores.items():
        assert value.round(decimals=3).tolist() == (4 * entries[0].mask[name]).tolist()


@pytest.mark.parametrize(("name", "architecture"), crossed(LEARNERS.names(), ["amp"]))
def test_every_learner_meets_its_budget_and_leaves_the_backbone_alone(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model = architecture.build().eval()
    sample, cost = sample_of(architecture), trace_cost(model, architecture.image)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batches = [(sample.x[:16], sample.y[:16])] * 6
    learned = LEARNERS.module(name).make(model, list(cost.layers), cost, iter(batches), 0.5, 6, 0.1)
    kept = sum(int(mask.sum()) for mask in learned.mask.values())
    assert kept == round(0.5 * sum(layer.count for layer in cost.layers))
    for layer in cost.layers:
        assert set(learned.mask[layer.name].unique().tolist()) <= {0.0, 1.0}
        assert learned.mask[layer.name].sum() >= 1
        assert ((learned.soft[layer.name] >= 0) & (learned.soft[layer.name] <= 1)).all()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_amp_finds_the_one_unit_that_matters(small: Architecture, data: DataSet) -> None:
    """Scores fall where they do not help: after some steps they are no longer all equal."""
    from maskbank.bank.learners import amp

    torch.manual_seed(0)
    model = small.build()
    cost = trace_cost(model, (1, 8))
    batches = TrainingBatches(data, data.examples("train", (0, 1, 2, 3)), 16, 20, torch.Generator().manual_seed(0))
    learned = amp.make(model, list(cost.layers), cost, batches, 0.5, 20, 0.1)
    assert any(len(soft.unique()) > 2 for soft in learned.soft.values())


def test_one_shot_taylor_depends_on_no_order_of_batches(small: Architecture) -> None:
    from maskbank.bank.learners import taylor

    torch.manual_seed(0)
    model, sample = small.build().eval(), sample_of(small)
    cost = trace_cost(model, small.image)
    batches = [(sample.x[place : place + 16], sample.y[place : place + 16]) for place in (0, 16, 32)]
    make: Callable[..., Learned] = taylor.make
    one = make(model, list(cost.layers), cost, batches, 0.5, 3, 0.1)
    other = make(model, list(cost.layers), cost, batches[::-1], 0.5, 3, 0.1)
    assert equal(one.mask, other.mask)


def test_consensus_keeps_what_masks_agree_on(small: Architecture) -> None:
    cost = trace_cost(small.build(), small.image)
    generator = torch.Generator().manual_seed(0)

    def made(fixed: int) -> Learned:
        soft = {layer.name: torch.rand(layer.count, generator=generator) for layer in cost.layers}
        mask = {name: (torch.arange(len(value)) < fixed).float() for name, value in soft.items()}
        return Learned(mask, soft)

    one = made(2)
    assert consensus([one], cost, 0.5) is one
    agreed = consensus([made(1), made(1), made(2)], cost, len(cost.layers) / sum(layer.count for layer in cost.layers))
    assert all(mask.tolist() == [1] + [0] * (len(mask) - 1) for mask in agreed.mask.values())


@pytest.mark.parametrize("name", ["oracle", "iterative_taylor", "mvp"])
def test_methods_that_learn_on_the_target_leave_the_model_alone(name: str, small: Architecture) -> None:
    model, target, layers = target_and_bank(small)
    before = copy.deepcopy(model.state_dict())
    scores = scores_of(name, model, target, layers, tiny_bank(model, small.image))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    kept = select(removal_order(scores, target.cost, "global"), target.cost, "units", target.budget)
    assert sum(map(len, kept.values())) == round(0.5 * sum(layer.count for layer in layers))
    assert all(parameter.requires_grad for parameter in model.parameters())
