"""Plans of the transfer, tune, relate and prune stages, on a state that is only promised."""

from collections import Counter
from typing import Any

import pytest
import torch

from maskbank.cells.run import Finished
from maskbank.cells.spec import Cell, spec_values
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.experiments.planned import PlannedState
from maskbank.experiments.subnetwork import show
from maskbank.files import canonical_json
from maskbank.params import validate
from maskbank.stages import prune, relate, transfer, tune

TINY: dict[str, Any] = {
    "data": {"source": "digits"},
    "tasks": {"splits": 2, "unseen_splits": 1, "per_split": 1, "bank_per_split": 2, "given_targets": []},
    "prune": {"banks": {"first": {}, "second": {"budget": 0.2, "tasks": 1}}},
    "transfer": {
        "methods": ["smsp", "universal", "shuffled", "l2", "oracle", "dense"],
        "options": {"smsp": {"neighbours": 2}},
        "grids": [{"budgets": [0.5], "allocations": ["uniform"]}],
    },
    "compare": {"against": ["l2"]},
    "evaluate": {"latency_methods": []},
}


def params(**sections: dict[str, Any]) -> Params:
    merged = {name: {**TINY.get(name, {}), **sections.get(name, {})} for name in {*TINY, *sections}}
    return validate(merged, "test")


def planned(stage: Any, given: Params) -> list[Cell[Any]]:
    return list(stage.plan(given, PlannedState(given)))


def grids(*given: dict[str, Any]) -> dict[str, Any]:
    return {
        "transfer": {
            **TINY["transfer"],
            "grids": [{"budgets": [0.5], "allocations": ["uniform"], **grid} for grid in given],
        }
    }


def test_a_reference_is_run_once_for_all_that_it_serves() -> None:
    cells = planned(
        transfer, params(**grids({}, {"budgets": [0.2], "methods": ["l2", "dense"]}, {"shots": [10, None]}))
    )
    assert Counter(cell.spec.method for cell in cells if cell.spec.task == "s0/t0")["dense"] == 2, (
        "once a number of shots"
    )
    keys = [canonical_json(spec_values(cell.spec)) for cell in cells if cell.spec.role == "reference"]
    assert len(keys) == len(set(keys))


def test_controls_take_the_options_of_what_they_vary() -> None:
    options = {cell.spec.method: cell.spec.options for cell in planned(transfer, params())}
    assert options["shuffled"] == options["smsp"] == {"neighbours": 2}
    assert options["universal"] == options["oracle"] == {}


def test_only_methods_that_read_a_bank_have_one_among_their_inputs() -> None:
    for cell in planned(transfer, params()):
        reads = cell.spec.method in ("smsp", "universal", "shuffled")
        assert ("bank" in cell.inputs) == reads
        assert cell.spec.bank == ("first" if reads else "none")


def test_variants_are_named_and_other_banks_are_variants() -> None:
    given = grids({"methods": ["smsp"], "variants": {"m1": {"neighbours": 1}}}, {"banks": ["first", "second"]})
    found = {(cell.spec.method, cell.spec.variant, cell.spec.bank) for cell in planned(transfer, params(**given))}
    assert ("smsp", "m1", "first") in found
    assert ("smsp", "default", "first") in found
    assert ("smsp", "bank second", "second") in found
    assert not [method for method, _, _ in found if method == "l2"], "a grid of banks is for those that read one"
    m1 = next(cell.spec for cell in planned(transfer, params(**given)) if cell.spec.variant == "m1")
    assert m1.options == {"neighbours": 1}


def test_foreign_tasks_read_the_other_data_and_leak_nothing() -> None:
    given = params(foreign={"source": "fashion_mnist"})
    foreign = [cell.spec for cell in planned(transfer, given) if cell.spec.task_split == "foreign"]
    assert {spec.task for spec in foreign} == {"s0/f0", "s1/f0"}
    assert {spec.dataset for spec in foreign} == {"fashion_mnist"}
    assert {spec.leak for spec in foreign} == {"none"}
    off = params(foreign={"source": "fashion_mnist"}, **grids({"tasks": "targets"}))
    assert not [cell for cell in planned(transfer, off) if cell.spec.task_split == "foreign"]


def test_each_bank_has_its_masks_and_some_are_made_again() -> None:
    given = params(prune={**TINY["prune"], "remade": 1})
    found = Counter((cell.spec.bank, cell.spec.variant, cell.spec.images) for cell in planned(prune, given))
    assert found == {
        ("first", "default", "all"): 4, ("first", "reseeded", "all"): 2, ("first", "half_a", "even"): 2,
        ("first", "half_b", "odd"): 2, ("second", "default", "all"): 2, ("second", "reseeded", "all"): 2,
        ("second", "half_a", "even"): 2, ("second", "half_b", "odd"): 2,
    }  # fmt: skip
    seeds = {cell.spec.variant: cell.spec.seed for cell in planned(prune, given)}
    assert seeds["default"] != seeds["reseeded"] == seeds["half_a"]


def test_relations_are_planned_for_the_banks_named() -> None:
    assert planned(relate, params()) == []
    cells = planned(relate, params(relate={"banks": ["second"]}))
    assert [(cell.spec.task, cell.spec.bank, cell.spec.budget_asked) for cell in cells] == [
        ("s0/t0", "second", 0.2), ("s1/t0", "second", 0.2),
    ]  # fmt: skip


TUNED = {
    "tasks": {**TINY["tasks"], "validation_splits": 1},
    "tune": {"trials": 3},
    **grids({}, {"methods": ["smsp", "l2", "dense"], "tuned": True}),
}


def test_every_tuned_method_has_the_same_number_of_trials_on_validation_tasks_alone() -> None:
    cells = planned(tune, params(**TUNED))
    assert Counter(cell.spec.method for cell in cells) == {"smsp": 3, "l2": 3, "dense": 3}
    assert {cell.spec.task for cell in cells} == {"v0/t0"}
    assert {cell.spec.task_split for cell in cells} == {"validation"}
    assert not [cell for cell in planned(transfer, params(**TUNED)) if cell.spec.task.startswith("v")]
    first = next(cell.spec for cell in cells if cell.spec.method == "smsp")
    assert (first.lr, first.options) == (0.001, {"neighbours": 2}), "the first trial is the default"
    again = planned(tune, params(**{**TUNED, "tune": {"trials": 3}}))
    assert [cell.spec for cell in again] == [cell.spec for cell in cells]
    points = {(cell.spec.lr, canonical_json(cell.spec.options)) for cell in cells if cell.spec.method == "smsp"}
    assert len(points) == 3


def test_no_trial_repeats_the_default_in_other_words() -> None:
    """`aggregate: votes` is what SMSP does anyway."""
    given = params(**{**TUNED, "tune": {"trials": 4, "lr": [0.001]}})
    with pytest.raises(InputError, match=r"l2 has 1 points to try"):
        planned(tune, given)
    found = tune.trials(params(**{**TUNED, "tune": {"trials": 8, "lr": [0.001]}}), "smsp")
    told = {(trial["options"].get("neighbours"), trial["options"].get("aggregate", "votes")) for trial in found}
    assert len(told) == len(found) == 8


def test_tuned_cells_say_so() -> None:
    tuned = [cell.spec for cell in planned(transfer, params(**TUNED)) if cell.spec.tuning != "default"]
    assert {spec.method for spec in tuned} == {"smsp", "l2", "dense"}
    assert {(spec.tuning, spec.trials) for spec in tuned} == {("tuned@3", 3)}
    assert {spec.leak for spec in tuned} == {"tuning", "backbone, tuning"}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"tune": {"trials": 9}}, r"tune\.trials = 9: needs validation tasks"),
        (grids({"tuned": True}), r"transfer\.grids\.0\.tuned = True: nothing is tuned with tune\.trials = 1"),
        (grids({"banks": ["third"]}), r"grids\.0\.banks\.0 = 'third': not among prune\.banks; choose from first, second"),
        (grids({"methods": ["l1"]}), r"transfer\.grids\.0\.methods\.0 = 'l1': not among transfer\.methods"),
        (grids({"methods": ["smsp"], "variants": {"a": {"depth": 1}}}), r"variants\.a\.depth = 1: .* no such option"),
        (grids({"variants": {"default": {}}}), r"variants\.default: the name of a method's own options"),
        ({"relate": {"banks": ["third"]}}, r"relate\.banks\.0 = 'third': not among prune\.banks"),
        ({"prune": {"banks": {"a": {"learner": "b"}}}}, r"prune\.banks\.a\.learner = 'b': no such mask learner"),
        ({"prune": {"banks": {}}}, r"prune\.banks = \{\}: .*at least 1"),
        ({"foreign": {"source": "digits"}}, r"foreign\.source = 'digits': the same as data\.source"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        params(**sections)


def test_more_trials_than_points_are_refused() -> None:
    given = params(**{**TUNED, "tune": {"trials": 6}})
    with pytest.raises(InputError, match=r"tune\.trials = 6: l2 has 4 points to try"):
        planned(tune, given)


def done(cell: Cell[Any], accuracies: list[float | None]) -> Finished:
    points = [{"values": {"accuracy": accuracy, "selection_macs": 1.0, "train_macs": 10.0}} for accuracy in accuracies]
    return Finished(cell, "key", {"points": points})


def test_the_best_trial_is_chosen_ties_to_the_first_and_failures_out() -> None:
    given = params(**TUNED)
    cells = [cell for cell in planned(tune, given) if cell.spec.method == "l2"]
    found = [done(cells[0], [0.5, 0.7]), done(cells[1], [0.6, 0.6]), done(cells[2], [0.9, None])]
    chosen = tune.choose(given, found)["resnet20 0 l2"]
    assert (chosen["trial"], chosen["lr"], chosen["accuracy"]) == ("trial0", 0.001, pytest.approx(0.6))
    assert chosen["tuning_macs"] == 33.0, "the cost of all trials"
    assert tune.choose(given, [done(cell, [None, None]) for cell in cells]) == {}


def test_shuffled_labels_are_a_variant_of_their_own() -> None:
    given = grids({"methods": ["smsp", "dense"]}, {"methods": ["smsp", "dense"], "shuffled_labels": True})
    cells = planned(transfer, params(**given))
    found = Counter((cell.spec.method, cell.spec.variant, cell.spec.shuffled_labels) for cell in cells)
    tasks = len({cell.spec.task + cell.spec.split for cell in cells})
    kinds = [("default", False), ("shuffled_labels", True)]
    assert found == {(method, *kind): tasks for method in ("smsp", "dense") for kind in kinds}
    assert "shuffled_labels" not in spec_values(cells[0].spec), "cells without it keep their keys"


def test_shuffled_labels_are_the_same_labels_in_another_order(data: DataSet) -> None:
    spec = planned(transfer, params(**grids({"methods": ["smsp"]})))[0].spec.model_copy(update={"classes": (0, 1, 2)})
    usual = show(spec, data)
    shuffled = show(spec.model_copy(update={"shuffled_labels": True}), data)
    assert torch.equal(usual.examples.x, shuffled.examples.x)
    assert torch.equal(usual.examples.y.bincount(), shuffled.examples.y.bincount())
    assert 0.1 < float((usual.examples.y == shuffled.examples.y).double().mean()) < 0.7, "a third agree by chance"


def test_methods_that_draw_at_random_have_seeds_of_their_own() -> None:
    given = grids({"methods": ["shuffled", "l2", "dense"]})
    given["transfer"] |= {"seeds": [0, 4], "draws": 3}
    seeds: dict[str, set[int]] = {}
    for cell in planned(transfer, params(**given)):
        seeds.setdefault(cell.spec.method, set()).add(cell.spec.seed)
    assert seeds == {"shuffled": {0, 4, 5, 6, 7, 8}, "l2": {0, 4}, "dense": {0, 4}}
