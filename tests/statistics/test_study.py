"""Transfer in full: controls at fewer budgets, tuned rows, few shots, foreign tasks and ablations, each kept apart."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.statistics.claims import judge_claims, ruled
from maskbank.statistics.comparisons import headlines
from maskbank.statistics.costs import UNKNOWN, cost_means, cost_rows, crossings
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import FAIL, PASS
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from maskbank.statistics.rules import RULES, judge_rules
from maskbank.statistics.scores import pair, tabulate
from maskbank.statistics.studies.transfer import BY_TASK_SPLIT
from maskbank.statistics.summary import summarise
from maskbank.statistics.transfer import setting_name, setting_words, settings, transfer_rows
from tests.report import fake
from tests.statistics.contrasted import compared, study

AGAINST = ["l2", "taylor", "universal", "nearest", "oracle", "dense"]


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return fake.study()


@pytest.fixture(scope="module")
def params() -> Compare:
    return fake.small_params().compare.model_copy(update={"against": AGAINST, "resamples": 200})


@pytest.fixture(scope="module")
def facts(records, params) -> Facts:
    return facts_of(records, params)


@pytest.fixture(scope="module")
def frame(facts) -> pd.DataFrame:
    return facts.comparisons


def facts_of(records: pd.DataFrame, params: Compare) -> Facts:
    tables = fake.tables(records)
    given = fake.small_params().model_copy(update={"compare": params})
    return Facts(records, tables["metrics"], tables["timings"], given, "hash")


def ablations(records: pd.DataFrame, params: Compare) -> pd.DataFrame:
    return study("ablation", {**fake.tables(records), "records": records}, compare=params, arm="variant")


def headline(frame: pd.DataFrame, rival: str, **labels: str) -> pd.Series:
    wanted = {"dataset": "fashion_mnist", "tuning": "default", "shots": "all", "allocation": "uniform"} | labels
    rows = headlines(frame)
    (found,) = rows[(rows[list(wanted)] == list(wanted.values())).all(axis=1) & (rows.rival == rival)].itertuples()
    return pd.Series(found._asdict())


def test_settings_are_kept_apart_and_the_usual_ones_come_first(records):
    found = settings(transfer_rows(records))
    assert [setting_name(setting) for setting, _ in found] == [
        "fashion_mnist resnet20 global_macs, reestimated BN",
        "fashion_mnist resnet20 uniform, reestimated BN",
        "fashion_mnist resnet20 uniform, reestimated BN, 5 shots",
        "fashion_mnist resnet20 global_macs, reestimated BN, tuned@4",
        "fashion_mnist resnet20 uniform, reestimated BN, tuned@4",
        "kmnist resnet20 global_macs, reestimated BN",
        "kmnist resnet20 uniform, reestimated BN",
    ]
    for setting, rows in found:
        assert set(rows.variant) == {"default"}
        for key in ("dataset", "tuning", "shots"):
            assert set(rows[key]) == {setting[key]}, "the reference is that of the setting"
        assert not (tabulate(rows).count > 1).any()


@pytest.mark.parametrize(
    ("key", "value"), [("pattern", "units:all"), ("schedule", "iterative:3"), ("reconstruct", "merge")]
)
def test_rows_pruned_in_another_way_are_another_setting(records, key, value):
    more = records[(records.stage == "transfer") & (records.role != "reference")].assign(**{key: value}, accuracy=0.1)
    both = settings(transfer_rows(pd.concat([records, more], ignore_index=True)))
    assert len(both) == 2 * len(settings(transfer_rows(records)))
    assert not any((tabulate(rows).count > 1).any() for _, rows in both)
    assert sum(value in setting_words(setting) for setting, _ in both) == len(both) / 2


def test_a_control_at_fewer_budgets_is_compared_where_both_were_run(records, frame):
    found = headline(frame, "oracle")
    assert (found.status, found.budgets, found.steps_averaged) == ("tested", "0.1", "0 10 30")
    assert headline(frame, "l2").budgets == "0.05 0.1 0.2"
    rows = records[(records.stage == "transfer") & (records.dataset == "fashion_mnist") & records.shots.isna()]
    rows = rows[(rows.variant == "default") & (rows.tuning == "default") & (rows.allocation == "uniform")]
    means = rows[rows.budget_asked == 0.1].groupby("method").accuracy.mean()
    assert found.difference == pytest.approx(means["smsp"] - means["oracle"])
    at_points = frame[(frame.kind == "point") & (frame.rival == "oracle")]
    assert set(at_points.budget_asked) == {0.1}


def test_a_block_missing_where_both_were_run_is_still_refused(records):
    hole = (records.method == "oracle") & (records.split == "s1") & (records.steps == 10) & (records.task == "t0")
    for changed in (fake.fail(records, hole), records[~hole]):
        rows = settings(transfer_rows(changed))[1][1]
        (missing,) = pair(tabulate(rows), "smsp", "oracle").missing
        assert missing.startswith("oracle: 1 of 48 points (s1/t0 seed 0 keep 0.1 T 10")
        assert pair(tabulate(rows), "smsp", "l2").missing == ()


def test_what_was_not_run_is_no_test_of_its_family(frame):
    found = headline(frame, "oracle", tuning="tuned@4")
    assert (found.status, found.missing, found.n) == ("not run", "oracle: no rows in this setting", 0)
    assert found.role == "control", "known from the settings in which it was run"
    assert headline(frame, "l2", tuning="tuned@4").family_size == 3
    assert headline(frame, "l2").family_size == len(AGAINST)


def test_points_never_run_by_both_are_not_run(records):
    rows = settings(transfer_rows(records))[1][1]
    rows = rows[(rows.method != "l2") | (rows.budget_asked == 0.05)]
    found = pair(tabulate(rows), "oracle", "l2")
    assert not found.ran
    assert found.missing == ("oracle and l2 have no budget and T in common in this setting",)


def test_task_splits_apart(records, frame):
    apart = frame[(frame.kind == BY_TASK_SPLIT) & (frame.rival == "l2") & (frame.tuning == "default")]
    counts = apart[apart.allocation == "global_macs"].set_index(["dataset", "task_split"]).n.to_dict()
    assert counts == {("fashion_mnist", "heldout"): 4, ("fashion_mnist", "unseen"): 4, ("kmnist", "foreign"): 4}
    assert (apart.status == "too few to test").all()
    assert apart.p.isna().all()
    whole = headline(frame, "l2", allocation="global_macs")
    pooled = apart[(apart.allocation == "global_macs") & (apart.dataset == "fashion_mnist")].difference
    assert whole.difference == pytest.approx(pooled.mean())
    more = compared(fake.study(12), Compare(against=["l2"], resamples=200))
    assert (more[(more.kind == BY_TASK_SPLIT) & (more.task_split == "unseen")].status == "tested").all()


def test_ablations_are_paired_with_the_method_as_it_is(records, params):
    found = ablations(records, params).set_index("variant")
    assert found.index.tolist() == ["bank4", "m1", "votes"]
    assert found.bank.to_dict() == {"bank4": "amp4", "m1": "amp", "votes": "amp"}
    assert set(found.budgets) == {"0.1 0.2"}, "the default ran at 0.05 too"
    rows = records[(records.stage == "transfer") & (records.method == "smsp") & (records.dataset == "fashion_mnist")]
    rows = rows[(rows.tuning == "default") & rows.shots.isna() & (rows.allocation == "uniform")]
    means = rows[rows.budget_asked > 0.05].groupby("variant").accuracy.mean()
    assert found.difference["m1"] == pytest.approx(means["m1"] - means["default"])
    assert found.p["m1"] < 0.05 < found.p["votes"]


def test_ablations_change_nothing_else(records, params, frame):
    without = records[records.variant == "default"]
    pd.testing.assert_frame_equal(compared(without, params), frame)


def test_no_variants_are_an_empty_table(records, params):
    assert ablations(records[records.variant == "default"], params).empty
    assert ablations(records.iloc[:0], params).empty


# rules


def verdict(facts: Facts, rule: str) -> tuple[str, str]:
    return next(function for name, _, function in RULES if name == rule)(facts)


def test_every_rule_is_judged_with_all_kinds_of_rows(facts):
    judged = {rule.id: rule for rule in judge_rules(facts)}
    assert len(judged) == 28
    passing = ("B3", "B5", "B6", "W1", "W2", "X2", "X3", "X4", "X7", "X10", "X13", "X15")
    assert {name: judged[name].verdict for name in passing} == dict.fromkeys(passing, PASS)
    assert "transfer points with no row: 0" in judged["X2"].looked_at
    assert "fashion_mnist: 8 splits, 16 tasks, 1 seed(s); kmnist: 4 splits, 8 tasks" in judged["X3"].looked_at
    assert "at fewer budgets, not ranked: farthest, magnitude_widths, nearest, oracle" in judged["P1"].looked_at


def test_search_has_to_be_equal_within_one_tuning_only(records, params):
    more = records.assign(trials=records.trials.mask((records.tuning == "tuned@4") & (records.method == "l2"), 8))
    found = verdict(facts_of(more, params), "B6")
    assert found[0] == FAIL
    assert "trials 8" in found[1]


def test_a_method_without_one_row_at_a_point_that_it_was_run_at_counts(records, params):
    hole = (records.method == "oracle") & (records.split == "s1") & (records.steps == 10) & (records.task == "t0")
    assert "transfer points with no row: 2" in verdict(facts_of(records[~hole], params), "X2")[1]


def test_own_widths_are_needed_at_each_budget_of_an_allocation_that_chooses_them(records, params):
    assert "shuffled at 1, magnitude_widths at 1 of its 2 budgets" in verdict(facts_of(records, params), "B7")[1]
    plain = records[(records.tuning == "default") & records.shots.isna() & (records.dataset == "fashion_mnist")]
    only = plain[(plain.allocation != "global_macs") | (plain.budget_asked == 0.1)]
    assert verdict(facts_of(only, params), "B7")[0] == PASS
    assert verdict(facts_of(only[only.method != "shuffled"], params), "B7")[0] == FAIL


def test_two_recipes_and_scratch(records, params):
    assert verdict(facts_of(records[records.method != "scratch"], params), "W2")[0] == FAIL
    assert verdict(facts_of(records[records.tuning == "default"], params), "W2")[0] == FAIL


def test_tuning_must_not_read_the_test_split(records, params):
    facts = facts_of(records, params)
    scored = records[records.stage != "tune"][["cell_key", "steps"]]
    reads = scored.assign(metric="test_reads", setting="none", value=1.0)
    once = Facts(records, reads, facts.timings, facts.params, "hash")
    assert verdict(once, "X1")[0] == PASS
    trial = records[records.stage == "tune"][["cell_key", "steps"]].head(1)
    peek = pd.concat([reads, trial.assign(metric="test_reads", setting="none", value=1.0)])
    assert verdict(Facts(records, peek, facts.timings, facts.params, "hash"), "X1")[0] == FAIL


def test_rankings_compare_methods_that_ran_at_every_point(records, params):
    plain = records[(records.tuning == "default") & records.shots.isna() & (records.dataset == "fashion_mnist")]
    pruned = plain[plain.budget_kind == "units"]
    both = [plain[plain.role == "reference"], *(pruned.assign(budget_kind=kind) for kind in ("params", "macs"))]
    found = verdict(facts_of(pd.concat(both, ignore_index=True), params), "B8")
    assert found == (PASS, "9 methods ranked under both budgets; Kendall's tau 1.00")


# claims


def claims(records: pd.DataFrame, params: Compare) -> dict:
    facts = facts_of(records, params)
    return {
        claim.id: claim
        for claim in judge_claims(facts, ruled(facts, judge_rules(facts)))
        if claim.id.startswith("smsp-")
    }


def test_claims_have_to_hold_tuned_and_untuned(records, params):
    alone = params.model_copy(update={"against": ["l2"]})
    home = records[(records.dataset == "fashion_mnist") & records.method.isin(fake.RIVALS)].reset_index(drop=True)
    found = claims(home, alone)["smsp-resnet20-l2"]
    assert found.verdict == SUPPORTED
    assert len(found.measured) == 5
    tuned = (home.tuning == "tuned@4") & (home.method == "l2")
    turned = claims(home.assign(accuracy=home.accuracy + 0.2 * tuned), alone)["smsp-resnet20-l2"]
    assert turned.verdict == INCONCLUSIVE
    assert "the settings do not agree" in turned.reason
    better = home.assign(accuracy=home.accuracy + 0.2 * (home.method == "l2"))
    assert claims(better, alone)["smsp-resnet20-l2"].verdict == CONTRADICTED
    untuned = claims(home[~tuned], alone)["smsp-resnet20-l2"]
    assert untuned.verdict == INCONCLUSIVE
    assert "the rival was not run with tuning tuned@4" in untuned.reason


def test_claims_of_a_foreign_data_set_have_names_of_their_own(records, params):
    params = params.model_copy(update={"against": ["l2", "taylor"]})
    found = claims(records[records.method.isin(fake.RIVALS)], params)
    assert set(found) == {
        "smsp-resnet20-l2",
        "smsp-resnet20-taylor",
        "smsp-kmnist-resnet20-l2",
        "smsp-kmnist-resnet20-taylor",
    }
    assert "too few splits" in found["smsp-kmnist-resnet20-l2"].reason


def test_a_rival_that_was_never_run_is_inconclusive(records, params):
    found = claims(records[records.method.isin(("smsp", "taylor", "dense"))], params)["smsp-resnet20-l2"]
    assert (found.verdict, found.reason) == (INCONCLUSIVE, "the two were run in no common setting")


def test_names_in_the_summary_are_those_of_single_settings(facts, records):
    rules = judge_rules(facts)
    table = ruled(facts, rules)
    summary = summarise(facts, table, rules, judge_claims(facts, table))
    names = [name for name in summary if name.startswith("headline_smsp_minus_l2") and not name.endswith("_p_holm")]
    assert len(names) == 7
    assert "headline_smsp_minus_l2_resnet20_uniform_reestimated_units" in names
    assert "headline_smsp_minus_l2_kmnist_resnet20_uniform_reestimated_units" in names
    assert "headline_smsp_minus_l2_resnet20_uniform_reestimated_units_tuning_tuned@4" in names
    rows = records[(records.stage == "transfer") & (records.method == "smsp") & (records.dataset == "fashion_mnist")]
    plain = rows[(rows.variant == "default") & (rows.tuning == "default") & rows.shots.isna()]
    assert summary["accuracy_transfer_resnet20_adam_smsp"] == pytest.approx(plain.accuracy.mean(), abs=1e-6)


# costs


def one(costs: pd.DataFrame, **labels: object) -> pd.Series:
    rows = costs[(costs[list(labels)] == list(labels.values())).all(axis=1)]
    return rows[(rows.dataset == "fashion_mnist") & (rows.shots == "all") & (rows.split == "s0")].iloc[0]


def test_total_costs_by_hand(records):
    costs = cost_rows(records, fake.study_timings(records, speed=1e10))
    smsp = one(costs, method="smsp", tuning="default", budget_asked=0.1, steps=10, allocation="uniform")
    assert smsp.macs_total == pytest.approx(4e9 + 4e9 * 0.1 * 10)
    assert smsp.seconds_total == pytest.approx(0.4 + 0.4), "a third of the seconds of 30 steps"
    assert one(costs, method="smsp", tuning="default", budget_asked=0.1, steps=0).seconds_total == pytest.approx(0.4)
    assert one(costs, method="l2", tuning="default", budget_asked=0.1, steps=0).macs_total == 0
    tuned = one(costs, method="l2", tuning="tuned@4", budget_asked=0.1, steps=0)
    assert tuned.macs_total == 2e10
    assert tuned.seconds_total == pytest.approx(2 * 4 * 1.2), "two validation tasks, four trials"


def test_costs_of_the_reference_stand_at_every_budget(records):
    means = cost_means(cost_rows(records, fake.study_timings(records)))
    dense = means[(means.method == "dense") & (means.steps == 30) & (means.allocation == "uniform")]
    assert set(dense.budget_asked) == {0.05, 0.1, 0.2}
    assert dense[dense.tuning == "default"].macs_total.unique() == pytest.approx([1.2e11])


def test_seconds_of_several_machine_classes_are_not_compared(records, params):
    timings = fake.study_timings(records)
    timings.loc[0, "machine_class"] = "64 cores"
    costs = cost_rows(records, timings)
    assert costs.seconds_total.isna().all()
    assert costs.macs_total.notna().all()
    found = crossings(costs, params.model_copy(update={"against": ["l2"]}))
    assert set(found[found.cost_of == "seconds"].verdict) == {UNKNOWN}
    assert UNKNOWN not in set(found[found.cost_of == "macs"].verdict)


def test_crossings_of_records_by_hand(params):
    """Two T: left costs 4 at T 0, so that both are measured from 4 to 14; the gap rises from -0.1 to 0.1 in log cost."""
    rows = []
    for split in range(6):
        for method, role, selection in (("smsp", "method", 4.0), ("l2", "rival", 1.0)):
            for steps in (0, 10):
                accuracy = 0.5 if method == "l2" else 0.4 + 0.02 * steps
                rows.append({
                    "stage": "transfer", "method": method, "role": role, "task": "t0", "task_split": "heldout",
                    "split": f"s{split}", "steps": steps, "allocation": "uniform", "budget_asked": 0.1, "ways": 3.0,
                    "selection_macs": selection, "train_macs": 1.0 * steps + (3 if method == "l2" and steps else 0),
                    "accuracy": accuracy,
                })  # fmt: skip
    records = fake.keyed(fake.frame_of(rows))
    found = crossings(cost_rows(records, fake.study_timings(records)), params).set_index("cost_of")
    macs = found.loc["macs"]
    assert (macs.verdict, macs.n, macs.status) == ("from", 6, "tested")
    assert macs.cost == pytest.approx(np.sqrt(4 * 14))
    assert (macs.low, macs.high) == (pytest.approx(macs.cost), pytest.approx(macs.cost))
    hole = fake.fail(records, (records.method == "l2") & (records.split == "s1"))
    refused = crossings(cost_rows(hole, fake.study_timings(hole)), params).set_index("cost_of").loc["macs"]
    assert (refused.status, refused.n) == ("incomplete", 5)
    assert np.isnan(refused.low)
    assert "l2: 2 of 12 points" in refused.missing
