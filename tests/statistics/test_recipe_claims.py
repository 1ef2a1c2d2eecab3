"""The claims about SNT: more compressible, flatter, at Adam's cost."""

import pandas as pd
import pytest

from maskbank.config import Params
from maskbank.statistics.claim import NOWHERE, Claim
from maskbank.statistics.claims import judged
from maskbank.statistics.facts import Facts
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed
from tests.report.fake_recipes import not_reached, recipes

PARAMS = Params.model_validate({"compare": {"resamples": 200}})
Tables = dict[str, pd.DataFrame]
IDS = ("snt-l1", "snt-quantize", "snt-flat", "snt-cost")


def claims(tables: Tables) -> dict[str, Claim]:
    facts = Facts(tables["records"], tables["metrics"], tables["timings"], PARAMS)
    return {claim.id: claim for name in IDS for claim in judged(name, PARAMS.claims[name], facts, facts.contrasts)}


def verdicts(tables: Tables) -> list[str]:
    found = claims(tables)
    return [found[f"{name}-resnet20"].verdict for name in IDS]


def swapped(tables: Tables, stop: str = "") -> Tables:
    """The same tables with the names of snt and adam exchanged, everywhere or for models of one stop."""
    records = tables["records"]
    turned = records.recipe.map(lambda name: {"snt": "adam", "adam": "snt"}.get(name, name))
    return tables | {
        "records": records.assign(recipe=records.recipe.mask((records.stop == stop) | (stop == ""), turned))
    }


@pytest.fixture(scope="module")
def tables() -> Tables:
    return recipes(("adam", "snt", "sam"), seeds=7, forms=("trained", "folded"), stops=("steps", "loss"))


def test_all_claims_are_supported_where_all_settings_agree(tables):
    found = claims(tables)
    assert set(found) == {f"{name}-resnet20" for name in IDS}
    assert {claim.verdict for claim in found.values()} == {SUPPORTED}
    assert len(found["snt-l1-resnet20"].measured) == 6 * 7, "2 stops of 3 forms and BN handlings; the mean and 6 points"
    first = found["snt-l1-resnet20"].measured[0]
    assert first.setting == "matched loss, folded: mean over 6 points"
    assert first.n == 7


def test_the_other_way_round_they_are_contradicted(tables):
    assert verdicts(swapped(tables)) == [CONTRADICTED, CONTRADICTED, CONTRADICTED, SUPPORTED]


def test_stops_have_to_agree(tables):
    found = claims(swapped(tables, "loss"))
    for name in IDS[:3]:
        assert found[f"{name}-resnet20"].verdict == INCONCLUSIVE
        assert "the settings do not agree" in found[f"{name}-resnet20"].reason


def test_models_of_matched_loss_that_exist_have_to_be_compared(tables):
    records = tables["records"]
    part = tables | {"records": records[(records.stop == "steps") | (records.stage == "pretrain")]}
    found = claims(part)
    for name in IDS[:3]:
        assert found[f"{name}-resnet20"].verdict == INCONCLUSIVE
        assert "at matched loss exist, but do not compare" in found[f"{name}-resnet20"].reason
    alone = part | {"records": records[records.stop == "steps"]}
    assert verdicts(alone) == [SUPPORTED] * 4


def test_models_excluded_are_counted_and_never_all(tables):
    given = not_reached(tables, "snt", 3)
    assert verdicts(given) == [SUPPORTED] * 4
    words = [item.setting for item in claims(given)["snt-flat-resnet20"].measured]
    assert "matched loss, 1 seed excluded (loss not reached): hessian top" in words
    for unit in range(7):
        given = not_reached(given, "snt", unit)
    assert verdicts(given) == [INCONCLUSIVE] * 3 + [SUPPORTED], "cost is of equal steps"


def test_five_seeds_are_too_few():
    found = claims(recipes(("adam", "snt"), seeds=5))
    assert {claim.verdict for claim in found.values()} == {INCONCLUSIVE}
    assert all("too few seeds" in claim.reason for claim in found.values())
    assert all(item.p != item.p for item in found["snt-flat-resnet20"].measured), "no p"
    assert all(item.ci_low < item.ci_high for item in found["snt-l1-resnet20"].measured), "but a t-interval"


@pytest.mark.parametrize("names", [("adam",), ("snt", "sam"), ("adam", "sam")])
def test_without_both_recipes_nothing_is_said(names):
    found = claims(recipes(names, seeds=6))
    assert set(found) == set(IDS)
    assert {(claim.verdict, claim.where) for claim in found.values()} == {(INCONCLUSIVE, NOWHERE)}


def test_flat_needs_every_kind_of_measure(tables):
    metrics = tables["metrics"]
    found = claims(tables | {"metrics": metrics[metrics.metric != "hessian_trace"]})["snt-flat-resnet20"]
    assert (found.verdict, found.reason.split(" (")[0]) == (INCONCLUSIVE, "not measured: hessian trace")


def test_measures_have_to_agree(tables):
    metrics = tables["metrics"]
    sharper = metrics.cell_key.str.contains("sharpness-.*-snt-", regex=True) & (metrics.metric == "sharpness_adaptive")
    found = claims(tables | {"metrics": metrics.assign(value=metrics.value.mask(sharper, metrics.value * 5))})
    flat = found["snt-flat-resnet20"]
    assert flat.verdict == INCONCLUSIVE
    assert "hessian top: flatter" in flat.reason
    assert "sharpness adaptive rho 0.5: sharper" in flat.reason


def dearer(tables: Tables, *, macs: float = 1.0, seconds: float = 1.0) -> Tables:
    own = (tables["records"].stage == "pretrain") & (tables["records"].recipe == "snt")
    timed = tables["timings"].cell_key.isin(set(tables["records"][own].cell_key))
    records = tables["records"].assign(train_macs=tables["records"].train_macs * own.map({True: macs, False: 1.0}))
    took = tables["timings"].adaptation_seconds * timed.map({True: seconds, False: 1.0})
    return tables | {"records": records, "timings": tables["timings"].assign(adaptation_seconds=took)}


@pytest.mark.parametrize(
    ("macs", "seconds", "expected", "words"),
    [
        (1.0, 1.0, SUPPORTED, "both below the limit"),
        (2.0, 1.0, CONTRADICTED, "multiply-adds above the limit in every seed (multiply-adds 2.04 times Adam's"),
        (1.0, 1.5, CONTRADICTED, "CPU seconds above the limit"),
        (1.0, 1.03, INCONCLUSIVE, "neither shown below nor above"),
    ],
)
def test_cost_is_judged_by_both_counts(tables, macs, seconds, expected, words):
    found = claims(dearer(tables, macs=macs, seconds=seconds))["snt-cost-resnet20"]
    assert found.verdict == expected
    assert words in found.reason
    assert [item.setting for item in found.measured] == [
        "snt: multiply-adds of training", "snt: CPU seconds of training", "sam: multiply-adds of training",
        "sam: CPU seconds of training",
    ]  # fmt: skip
    assert found.measured[2].difference == pytest.approx(2.0)


def test_seconds_of_several_machines_refuse_the_cost(tables):
    timings = tables["timings"]
    other = timings.cell_key == "pretrain-resnet20-steps-adam-1"
    moved = tables | {"timings": timings.assign(machine_class=timings.machine_class.mask(other, "64 cores"))}
    found = claims(moved)["snt-cost-resnet20"]
    assert found.verdict == INCONCLUSIVE
    assert "several machine classes" in found.reason


def test_one_verdict_where_all_agree():
    yes, no = Judgement(SUPPORTED, "better"), Judgement(INCONCLUSIVE, "no difference shown")
    assert agreed({"a": yes, "b": yes}) == Judgement(SUPPORTED, "a: better; b: better")
    assert agreed({"": yes}) == Judgement(SUPPORTED, "better")
    assert agreed({"a": yes, "b": no}).verdict == INCONCLUSIVE
