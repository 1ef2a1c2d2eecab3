"""Each method as its paper describes it, on schedules small enough to count by hand."""

from itertools import pairwise

import pytest
import torch

from maskbank.cells.snapshots import Snapshots
from maskbank.errors import InputError
from maskbank.registry import SPARSIFIERS
from maskbank.sparse.goal import Goal
from maskbank.sparse.methods import ac_dc, gmp, imp, prune_from_dense, rigl
from maskbank.sparse.methods import set as evolution
from maskbank.sparse.partitions import contiguous, drawn
from maskbank.sparse.phase import Phase, training_macs
from maskbank.sparse.schedule import same_macs, schedule
from maskbank.sparse.trainer import SparseTrainer
from tests.conftest import ARCHITECTURES
from tests.sparse.conftest import OPTIONS, Begin

SHAPES = {f"layer{place}.weight": (10, 10) for place in range(4)}
SPARSE = [name for name in SPARSIFIERS.names() if name != "dense"]


def goal(budget: float = 0.1, steps: int = 80, **more: str) -> Goal:
    return Goal(SHAPES, budget, more.pop("allocation", "uniform"), steps, **more)  # type: ignore[arg-type]


def lives(phases: list[Phase]) -> list[int]:
    """Live weights of all tensors in each phase."""
    return [sum(count for _, count in phase.live) for phase in phases]


def lengths(phases: list[Phase]) -> list[int]:
    return [phase.steps for phase in phases]


def rates_of(trainer: SparseTrainer) -> list[float]:
    """Filled with the learning rate of each step that is taken."""
    rates: list[float] = []
    trainer.optimizer.register_step_post_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    return rates


@pytest.mark.parametrize(("allocation", "rate"), [("uniform", "restart"), ("global", "cosine"), ("erk", "constant")])
@pytest.mark.parametrize("name", SPARSE)
def test_every_method_keeps_its_promises(name: str, allocation: str, rate: str, start: Begin) -> None:
    trainer = start(name, allocation=allocation, schedule=rate)
    rates = rates_of(trainer)
    trainer.run(Snapshots())
    assert rates == [0.01 * trainer.rates.factor(step) for step in range(20)]
    live = {key: int(mask.sum()) for key, mask in trainer.masks.items()}
    sizes = {key: mask.numel() for key, mask in trainer.masks.items()}
    if allocation == "uniform":
        assert live == {key: round(0.25 * size) for key, size in sizes.items()}
    else:
        assert sum(live.values()) == round(0.25 * sum(sizes.values()))
    for key, weight in trainer.weights.items():
        assert torch.count_nonzero(weight[~trainer.masks[key]]) == 0
    assert trainer.session.step == 20
    steps = [step for step, metric, _ in trainer.curve.rows if metric == "train_loss"]
    assert steps == list(range(2, 22, 2))
    assert len({row[:2] for row in trainer.curve.rows}) == len(trainer.curve.rows)
    if allocation != "global":
        planned = training_macs(trainer.phases, trainer.goal, trainer.cost)
        assert trainer.train_macs == pytest.approx(8 * planned, rel=1e-12)


@pytest.mark.parametrize("pattern", ["2:4", "block:2", "channel"])
@pytest.mark.parametrize("name", SPARSE)
def test_patterns_end_as_they_should(name: str, pattern: str, start: Begin) -> None:
    able = "n:m" if pattern == "2:4" else pattern.partition(":")[0]
    if able not in SPARSIFIERS.module(name).PATTERNS:
        with pytest.raises(
            InputError, match=f"pattern = '{pattern}': {name} cannot end in it; choose from unstructured"
        ):
            start(name, 0.5, pattern=pattern)
        return
    trainer = start(name, 0.5, pattern=pattern)
    trainer.run(Snapshots())
    assert {float(mask.double().mean()) for mask in trainer.masks.values()} == {0.5}
    for mask in trainer.masks.values():
        if pattern == "2:4":
            assert (mask.movedim(1, -1).unflatten(-1, (-1, 4)).sum(-1) == 2).all()
        elif pattern == "channel":
            assert (mask.flatten(1).any(1) == mask.flatten(1).all(1)).all()


@pytest.mark.parametrize("rate", ["restart", "cosine"])
def test_every_rate_serves_dense_training(rate: str, start: Begin) -> None:
    trainer = start("dense", 1.0, schedule=rate)
    rates = rates_of(trainer)
    trainer.run(Snapshots())
    assert rates == [0.01 * trainer.rates.factor(step) for step in range(20)]


def test_all_methods_see_the_same_batches(start: Begin) -> None:
    orders = []
    for name in SPARSIFIERS.names():
        trainer = start(name, 1.0 if name == "dense" else 0.25)
        trainer.run(Snapshots())
        orders.append(trainer.batches.generator.get_state())
    assert all(torch.equal(orders[0], other) for other in orders)


def test_dense_costs_what_all_weights_cost(start: Begin) -> None:
    trainer = start("dense", 1.0)
    trainer.run(Snapshots())
    assert trainer.train_macs == 3 * 8 * 20 * trainer.cost.macs


def test_prune_from_dense() -> None:
    phases = prune_from_dense.phases(goal(), dense_fraction=0.6)
    assert (lengths(phases), lives(phases)) == ([48, 32], [400, 40])


def test_gmp_follows_the_cubic_ramp() -> None:
    """Sparsity 0.9 (1 - (1 - t)^3) at t = 1/4 ... 1, from step 8 to 60."""
    phases = gmp.phases(goal(), updates=4, start=0.1)
    kept = [1 - 0.9 * (1 - (1 - t / 4) ** 3) for t in range(1, 5)]
    assert lives(phases) == [400, *(4 * round(100 * each) for each in kept)]
    assert lives(phases) == [400, 192, 84, 44, 40]
    assert lengths(phases) == [8 + 13, 13, 13, 13, 20]
    assert [phase.opens for phase in phases] == [True, False, False, False, True]


def test_ac_dc_alternates() -> None:
    phases = ac_dc.phases(goal(), rounds=2, warmup=0.1)
    assert lives(phases) == [400, 40, 400, 40, 400, 40]
    assert lengths(phases) == [8, 13, 13, 13, 13, 20]


def test_imp_prunes_by_equal_ratios_in_equal_rounds() -> None:
    phases = imp.phases(goal(0.25), rounds=2, early=0.1)
    assert lives(phases) == [400, 400, 200, 100]
    assert lengths(phases) == [8, 24, 24, 24]


def test_imp_rewinds_to_its_early_weights(start: Begin) -> None:
    trainer = start("imp")
    trainer.phases = trainer.phases[:2]
    trainer.run(Snapshots())
    early = {name: value.clone() for name, value in trainer.memory.items()}
    assert any(not torch.equal(early[name], weight) for name, weight in trainer.weights.items())
    trainer.phases = start("imp").phases
    trainer.begin(2)
    for name, weight in trainer.weights.items():
        assert torch.equal(weight, early[name] * trainer.masks[name])
    assert torch.equal(trainer.model.state_dict()["features.norm1.running_mean"], early["features.norm1.running_mean"])
    assert not trainer.optimizer.state


def test_set_and_rigl_move_at_regular_steps() -> None:
    phases = evolution.phases(goal(), interval=16)
    assert lengths(phases) == [16, 16, 16, 16, 16]
    phases = rigl.phases(goal(), interval=16)
    assert lengths(phases) == [16, 16, 16, 32], "none in the last quarter"
    assert [phase.gradients for phase in phases] == [True, True, True, False]
    assert set(lives(phases)) == {40}
    assert rigl.moving(0, 60, 0.3) == 0.3
    assert rigl.moving(30, 60, 0.3) == pytest.approx(0.15)
    assert rigl.moving(60, 60, 0.3) == pytest.approx(0)


def one_update(trainer: SparseTrainer, place: int = 1) -> tuple[dict, dict, dict]:
    """Masks and weights before an update, and masks after it."""
    phases = trainer.phases
    trainer.phases = phases[:place]
    trainer.run(Snapshots())
    weights = {name: weight.detach().clone() for name, weight in trainer.weights.items()}
    before, slopes = dict(trainer.masks), trainer.slopes
    trainer.phases = phases
    trainer.begin(place)
    trainer.slopes = slopes
    return before, weights, dict(trainer.masks)


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_an_update_drops_the_smallest_and_grows_as_many(method: str, start: Begin) -> None:
    trainer = start(method)
    before, weights, after = one_update(trainer)
    share = 0.3 if method == "set" else rigl.moving(5, 15, 0.3)
    for name, old in before.items():
        dropped, grown = old & ~after[name], after[name] & ~old
        number = round(share * int(old.sum()))
        assert int(dropped.sum()) == int(grown.sum()) == number > 0
        size = weights[name].abs()
        assert size[dropped].max() <= size[old & after[name]].min()
        assert (trainer.weights[name][grown] == 0).all()
        state = trainer.optimizer.state[trainer.weights[name]]
        assert (state["exp_avg"][grown] == 0).all()
        assert (state["exp_avg_sq"][grown | dropped] == 0).all()


def test_rigl_grows_where_the_gradient_is_largest(start: Begin) -> None:
    trainer = start("rigl")
    before, _, after = one_update(trainer)
    for name, old in before.items():
        grown, slope = after[name] & ~old, trainer.slopes[name].abs()
        assert slope[grown].min() >= slope[~old & ~grown].max() > 0


def test_partitions_are_runs_in_forward_order() -> None:
    assert contiguous(list("abcdefg"), 3) == [["a", "b"], ["c", "d", "e"], ["f", "g"]]


@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 5, 6])
def test_each_partition_is_dense_in_its_turn(partitions: int, start: Begin) -> None:
    trainer = start(
        "c_gap", architecture=ARCHITECTURES["resnet"], options={"partitions": partitions, "rounds": 2}, steps=80
    )
    names, turns = trainer.goal.names, 2 * partitions
    seen = []
    for place in range(turns):
        trainer.begin(place)
        trainer.place = place
        seen.append([name for name in names if trainer.masks[name].all()])
    assert seen == contiguous(names, partitions) * 2
    trainer.begin(turns)
    assert all(abs(float(mask.double().mean()) - 0.25) < 0.01 for mask in trainer.masks.values())
    turns_seen = [value for _, metric, value in trainer.curve.rows if metric == "dense_partition"]
    assert turns_seen == ([float(turn % partitions) for turn in range(turns)] if partitions > 1 else [0.0])


def test_random_partitions_never_grow_a_layer_twice_running() -> None:
    names = list("abcdefgh")
    found = drawn(names, 3, 50, seed=0)
    assert all(len(group) == 3 and group == sorted(group) for group in found)
    assert all(not set(one) & set(other) for one, other in pairwise(found))
    assert {name for group in found for name in group} == set(names)
    assert found != drawn(names, 3, 50, seed=1)
    assert drawn(names, 1, 2, seed=0) == [names, names]


def test_random_partitions_train(start: Begin) -> None:
    for allocation in ("uniform", "global"):
        trainer = start("c_gap", allocation=allocation, options={"partitions": 3, "rounds": 2, "partition": "random"})
        trainer.run(Snapshots())
        live = sum(int(mask.sum()) for mask in trainer.masks.values())
        total = sum(mask.numel() for mask in trainer.masks.values())
        assert abs(live - 0.25 * total) <= len(trainer.masks)


def test_the_first_partition_begins_as_it_was_made_and_later_ones_at_zero_where_they_were_masked(start: Begin) -> None:
    trainer = start("c_gap")
    made = {name: weight.clone() for name, weight in trainer.weights.items()}
    trainer.begin(0)
    for name in trainer.phases[0].grown:
        assert torch.equal(trainer.weights[name], made[name])
    trainer.advance(trainer.phases[0].steps)
    name = trainer.phases[1].grown[0]
    assert name not in trainer.phases[0].grown
    trainer.begin(1)
    fresh = trainer.weights[name] == 0
    assert int(fresh.sum()) == fresh.numel() - round(0.25 * fresh.numel())
    trainer.advance(1)
    learned = (trainer.weights[name][fresh] != 0).float().mean()
    assert learned > 0.2, "all but those between units that answer nothing on this batch"


def test_scores_at_initialisation_choose_what_they_rank_highest(start: Begin) -> None:
    for name in ("snip", "grasp"):
        trainer = start(name, allocation="global")
        module = SPARSIFIERS.module(name)
        values = trainer.saliencies(module.saliency)
        trainer.begin(0)
        kept = torch.cat([values[key][mask] for key, mask in trainer.masks.items()])
        gone = torch.cat([values[key][~mask] for key, mask in trainer.masks.items()])
        best = max(float(value.max()) for value in values.values())
        assert float(kept.max()) == best
        assert (kept.sort().values[len(trainer.masks) :] >= gone.max()).all(), "but for the best one of each tensor"
        assert trainer.selection_macs > 0


def test_synflow_scores_anew_in_each_round(start: Begin) -> None:
    once, often = (start("synflow", 0.05, allocation="global", options={"rounds": rounds}) for rounds in (1, 20))
    once.begin(0)
    often.begin(0)
    assert any(not torch.equal(once.masks[name], often.masks[name]) for name in once.masks)
    assert often.selection_macs == 20 * once.selection_macs


@pytest.mark.parametrize(
    ("method", "options", "steps", "said"),
    [
        ("c_gap", {"partitions": 5}, 80, r"sparsify\.options\.c_gap\.partitions = 5: the model has 4 layers to part"),
        ("c_gap", {"rounds": 0}, 80, r"sparsify\.options\.c_gap\.rounds = 0: expected 1 or more"),
        ("c_gap", {}, 8, r"sparsify\.steps = 8: too few for 8 growth phases"),
        ("gmp", {"updates": 60}, 80, r"sparsify\.steps: 52 are left for 60 updates"),
        ("gmp", {"start": 1.0}, 80, r"sparsify\.options\.gmp\.start = 1: expected a fraction of 80 steps below 1"),
        ("ac_dc", {"rounds": 30}, 80, r"sparsify\.steps: 52 are left for 60 compressed"),
        ("imp", {"rounds": 90}, 80, r"sparsify\.steps: 76 are left for 91 trainings"),
        ("rigl", {"interval": 60}, 80, r"sparsify\.options\.rigl\.interval = 60: expected .* fewer than 60"),
        ("set", {"drop": 1.0}, 80, r"sparsify\.options\.set\.drop = 1: expected a fraction"),
        ("synflow", {"rounds": 0}, 80, r"sparsify\.options\.synflow\.rounds = 0: expected 1 or more"),
        ("prune_from_dense", {"dense_fraction": 0.999}, 80, "leaves no step to fine-tune"),
        ("static", {}, 1, r"sparsify\.steps = 1: 0 of them are the fine-tune"),
    ],
)
def test_what_does_not_fit_is_said_before_training(method: str, options: dict, steps: int, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        schedule(method, goal(steps=steps), options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", SPARSE)
def test_same_macs_takes_all_the_steps_that_it_can_pay_for(name: str, start: Begin) -> None:
    trainer = start(name)
    longer = same_macs(name, trainer.goal, OPTIONS.get(name, {}), trainer.cost)
    assert longer.steps > trainer.goal.steps
    dense = 3 * 20 * trainer.cost.macs
    spent = training_macs(schedule(name, longer, OPTIONS.get(name, {})), longer, trainer.cost)
    assert 0.9 * dense < spent <= dense


def test_same_macs_needs_densities_that_are_known(start: Begin) -> None:
    trainer = start("gmp", allocation="global")
    with pytest.raises(InputError, match="known only afterwards"):
        same_macs("gmp", trainer.goal, OPTIONS["gmp"], trainer.cost)
