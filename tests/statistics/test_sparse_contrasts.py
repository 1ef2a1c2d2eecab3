"""GaP against other sparse training: paired by seed at the chosen rate, apart by setting, and the claims about it."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskbank.config import Compare, Params
from maskbank.statistics.claim import Claim
from maskbank.statistics.claims import judged
from maskbank.statistics.facts import Facts
from maskbank.statistics.holm import holm
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from maskbank.statistics.sparse_arms import SETTING, at_best, rate_choices, sparse_rows
from maskbank.statistics.verdict import NOT_SHARED
from tests.report.fake_sparse import IMAGES, SHAPES, TRUTH, failed, only, sparse
from tests.statistics.contrasted import study

PARAMS = Compare(resamples=100)
ALL = ("dense", "c_gap", "p_gap", "gmp", "prune_from_dense", "imp", "rigl")
BEST = {"c_gap": 0.08, "p_gap": 0.08}  # more than all rivals at 10 %, and as good as dense at 20 %
Tables = dict[str, pd.DataFrame]


def contrasts(tables: Tables, params: Compare = PARAMS) -> pd.DataFrame:
    found = study("sparse", tables, compare=params, arm="method")
    names = {"baseline": "rival", "rate_baseline": "rate_rival", "validation_baseline": "validation_rival"}
    return found.rename(columns=names)


def claims(tables: Tables) -> dict[str, Claim]:
    params = Params.model_validate({"compare": {"resamples": 100}})
    facts = Facts(tables["records"], tables["metrics"], tables["timings"], params)
    names = ("gap-dense", "gap-rivals")
    return {claim.id: claim for name in names for claim in judged(name, params.claims[name], facts, facts.contrasts)}


def score_of(tables: Tables, **labels: object) -> np.ndarray:
    frame = tables["records"]
    keep = np.logical_and.reduce([frame[name] == value for name, value in labels.items()] + [frame.stage == "sparsify"])
    return frame[keep].sort_values("seed").accuracy.to_numpy(float)


def test_differences_are_those_of_the_same_seeds_at_the_chosen_rates():
    tables = sparse(("dense", "c_gap", "gmp"), seeds=6, budgets=(0.1,), rates=("restart", "constant"))
    found = contrasts(tables).set_index("rival")
    assert found.rate.tolist() == ["restart", "restart"]
    for rival, budget in (("gmp", 0.1), ("dense", 1.0)):
        own = score_of(tables, method="c_gap", schedule="restart")
        other = score_of(tables, method=rival, schedule="restart", budget_asked=budget)
        assert found.difference[rival] == pytest.approx((own - other).mean())
        assert found.sd[rival] == pytest.approx((own - other).std(ddof=1))
        assert found.p[rival] == pytest.approx(stats.ttest_1samp(own - other, 0).pvalue)
        above = stats.ttest_1samp(own - other, -PARAMS.margin, alternative="greater").pvalue
        below = stats.ttest_1samp(own - other, -PARAMS.margin, alternative="less").pvalue
        assert (found.not_worse_p[rival], found.worse_p[rival]) == pytest.approx((above, below))


def test_each_arm_has_the_rate_that_its_own_validation_chose():
    tables = sparse(("c_gap", "gmp"), seeds=2, budgets=(0.1,), rates=("cosine", "constant"))
    frame, metrics = tables["records"], tables["metrics"]
    keys = frame[(frame.method == "gmp") & (frame.schedule == "constant")].cell_key
    raised = metrics.cell_key.isin(keys) & (metrics.metric == "validation_accuracy")
    turned = tables | {"metrics": metrics.assign(value=metrics.value + 0.5 * raised)}
    row = contrasts(turned).iloc[0]
    assert (row.rate, row.rate_rival) == ("cosine", "constant")
    own, other = (
        score_of(tables, method="c_gap", schedule="cosine"),
        score_of(tables, method="gmp", schedule="constant"),
    )
    assert row.difference == pytest.approx((own - other).mean())


def test_settings_and_budgets_are_never_averaged():
    tasks = (IMAGES, ("fashion_mnist", "vit", "accuracy"))
    tables = sparse(
        ("dense", "c_gap", "gmp"),
        seeds=2,
        tasks=tasks,
        setups=("same-steps", "same-macs"),
        allocations=("uniform", "erk"),
    )
    found = contrasts(tables)
    assert len(found) == 2 * 2 * 2 * 2 * 2, "model, setup, allocation, budget, rival"
    assert set(found.n) == {2}
    for row in found[found.rival == "gmp"].to_dict("records"):
        labels = {name: row[name] for name in [*SETTING, "budget_asked"]}
        own, other = score_of(tables, method="c_gap", **labels), score_of(tables, method="gmp", **labels)
        assert row["difference"] == pytest.approx((own - other).mean())
    dense = found[found.rival == "dense"]
    assert set(dense.pattern) == {"unstructured"}, "dense stands beside every pattern and allocation"


def test_in_the_same_line_others_are_those_of_equal_steps():
    given = sparse(("dense", "c_gap", "p_gap", "gmp"), seeds=6, budgets=(0.1,))
    longer = sparse(("p_gap",), seeds=6, budgets=(0.1,), setups=("same-line",), gains={"p_gap": 0.05})
    found = contrasts({name: pd.concat([frame, longer[name]], ignore_index=True) for name, frame in given.items()})
    line, steps = (found[(found.setup == setup) & (found.method == "p_gap")] for setup in ("same-line", "same-steps"))
    assert sorted(line.rival) == sorted(steps.rival) == ["c_gap", "dense", "gmp"]
    assert set(line.cells_against) == set(steps.cells_against)
    assert set(line.cells).isdisjoint(steps.cells)
    gaps = line.set_index("rival").difference - steps.set_index("rival").difference
    assert gaps.to_numpy() == pytest.approx([0.05] * 3, abs=0.005)
    assert set(found[found.method == "c_gap"].setup) == {"same-steps"}, (
        "a method without workers has no line of its own"
    )


def test_holm_corrects_inside_a_family_and_dense_is_a_question_by_itself():
    found = contrasts(sparse(ALL, seeds=8, budgets=(0.1,)))
    for gap in ("c_gap", "p_gap"):
        own = found[(found.method == gap) & (found.rival != "dense")]
        assert own.family_size.tolist() == [5] * 5
        assert own.p_holm.to_numpy() == pytest.approx(holm(own.p))
        alone = found[(found.method == gap) & (found.rival == "dense")].iloc[0]
        assert (alone.family_size, alone.p_holm) == (1, alone.p)


def test_trials_without_one_in_common_are_refused_and_named():
    tables = sparse(("c_gap", "gmp", "rigl"), seeds=6, budgets=(0.1,), rates=("restart", "cosine"))
    other = (tables["records"].method == "gmp") == (tables["records"].schedule == "cosine")
    row = contrasts(only(tables, other)).set_index("rival").loc["gmp"]
    assert row.status == NOT_SHARED
    assert row.missing == "c_gap tried restart, gmp cosine"
    assert np.isnan(row[["p", "p_holm", "ci_low", "not_worse_p", "equivalence_p"]].to_numpy(float)).all()
    assert np.isfinite(row.difference)
    whole = contrasts(only(tables, other)).set_index("rival").loc["rigl"]
    assert (whole.status, whole.family_size, whole.best_rival) == ("tested", 2, True)


def test_a_failed_seed_makes_a_pair_incomplete():
    tables = sparse(("c_gap", "gmp"), seeds=7, budgets=(0.1,))
    frame = tables["records"]
    row = contrasts(failed(tables, (frame.method == "gmp") & (frame.seed == 3))).iloc[0]
    assert (row.status, row.n, row.missing) == ("incomplete", 6, "seed 3 incomplete")
    assert np.isnan(row.p)


def test_below_six_seeds_there_is_no_p():
    found = contrasts(sparse(("c_gap", "gmp"), seeds=5))
    assert set(found.status) == {"too few to test"}
    assert found.p.isna().all()


def test_the_best_rival_is_that_of_validation_and_no_control():
    tables = sparse((*ALL, "static"), seeds=2, budgets=(0.1,), gains={"static": 0.3, "p_gap": 0.3})
    found = contrasts(tables)
    assert found[found.best_rival].rival.tolist() == ["gmp", "gmp"]
    frame, metrics = tables["records"], tables["metrics"]
    keys = frame[frame.method == "imp"].cell_key
    raised = metrics.cell_key.isin(keys) & (metrics.metric == "validation_accuracy")
    found = contrasts(tables | {"metrics": metrics.assign(value=metrics.value + raised)})
    assert found[found.best_rival].rival.tolist() == ["imp", "imp"]


def test_variants_are_no_arms_of_a_contrast():
    tables = sparse(("c_gap", "gmp"), seeds=2, budgets=(0.1,))
    frame = tables["records"]
    assert contrasts(
        tables | {"records": frame.assign(variant=frame.variant.mask(frame.method == "gmp", "updates 3"))}
    ).empty


# claims


def test_claims_are_apart_by_method_setup_and_task():
    tables = sparse(ALL, seeds=8, tasks=(IMAGES, SHAPES), setups=("same-steps", "same-macs"), gains=BEST)
    found = claims(tables)
    tasks = ("fashion_mnist-resnet20", "synthetic-shapes-detector")
    expected = product(("gap",), ("dense", "rivals"), ("c_gap", "p_gap"), ("same-steps", "same-macs"), tasks)
    assert set(found) == {"-".join(names) for names in expected}
    assert {claim.verdict for claim in found.values()} == {SUPPORTED}
    assert found["gap-rivals-c_gap-same-macs-synthetic-shapes-detector"].where == (
        "synthetic-shapes, detector, map, equal training MACs"
    )
    measured = found["gap-dense-c_gap-same-steps-fashion_mnist-resnet20"].measured
    assert [item.setting for item in measured] == [
        "keep 0.2, uniform, rate constant",
        "keep 0.1, uniform, rate constant",
    ]
    assert measured[0].p_used <= 0.05
    rivals = found["gap-rivals-c_gap-same-steps-fashion_mnist-resnet20"].measured
    assert [item.setting for item in rivals] == [
        "keep 0.1, uniform, against gmp, best by validation, rate constant", "keep 0.1, uniform, against imp, rate constant",
        "keep 0.1, uniform, against prune_from_dense, rate constant", "keep 0.1, uniform, against rigl, rate constant",
        "keep 0.2, uniform, against gmp, best by validation, rate constant",
    ]  # fmt: skip


def verdicts(tables: Tables, kind: str) -> str:
    return claims(tables)[f"gap-{kind}-c_gap-same-steps-fashion_mnist-resnet20"].verdict


def test_a_planted_loss_contradicts_and_a_small_one_is_neither():
    assert verdicts(sparse(ALL, seeds=8), "dense") == CONTRADICTED
    near = 0.02 * TRUTH["c_gap"][1] * np.log2(5) - PARAMS.margin
    assert verdicts(sparse(ALL, seeds=8, gains={"c_gap": near}), "dense") == INCONCLUSIVE
    assert verdicts(sparse(ALL, seeds=8, gains={"c_gap": -0.1}), "rivals") == CONTRADICTED


def test_one_rival_as_good_is_enough_to_leave_it_open():
    same = 0.02 * (TRUTH["rigl"][1] - TRUTH["c_gap"][1]) * np.log2(10)
    tables = sparse(ALL, seeds=8, gains={"rigl": same})
    claim = claims(tables)["gap-rivals-c_gap-same-steps-fashion_mnist-resnet20"]
    assert claim.verdict == INCONCLUSIVE
    assert "not shown better than each rival" in claim.reason


def test_other_pruning_has_not_been_beaten_while_rivals_lack():
    tables = sparse(("dense", "c_gap", "prune_from_dense"), seeds=8, gains=BEST)
    claim = claims(tables)["gap-rivals-c_gap-same-steps-fashion_mnist-resnet20"]
    assert claim.verdict == INCONCLUSIVE
    assert claim.reason.startswith("not run beside it: gmp, imp, rigl (prune_from_dense (best by validation): better")


def test_allocations_have_to_agree_and_patterns_do_not_count():
    tables = sparse(ALL, seeds=8, allocations=("uniform", "erk"), gains=BEST)
    assert verdicts(tables, "dense") == SUPPORTED
    frame = tables["records"]
    worse = frame.assign(accuracy=frame.accuracy - 0.3 * ((frame.allocation == "erk") & (frame.method == "c_gap")))
    claim = claims(tables | {"records": worse})["gap-dense-c_gap-same-steps-fashion_mnist-resnet20"]
    assert claim.verdict == INCONCLUSIVE
    assert claim.reason.startswith("the settings do not agree (uniform: not below")
    other = sparse(ALL, seeds=8, pattern="2:4", gains=BEST)
    claim = claims(other)["gap-dense-c_gap-same-steps-fashion_mnist-resnet20"]
    assert (claim.verdict, claim.measured) == (INCONCLUSIVE, [])


def test_what_was_not_run_is_inconclusive_with_that_reason():
    found = claims(sparse(("c_gap", "gmp", "dense"), seeds=2, budgets=(0.5,), setups=("paper-schedule",)))
    reason = found["gap-dense-c_gap-paper-schedule-fashion_mnist-resnet20"].reason
    assert reason == "0.2 kept was not run beside it"
    for name in (
        "gap-dense-c_gap-same-steps-fashion_mnist-resnet20",
        "gap-rivals-p_gap-same-macs-fashion_mnist-resnet20",
    ):
        assert found[name].reason == f"the records hold no cells for the contrast of {name}"
    none = claims({name: frame.iloc[:0] for name, frame in sparse(("dense",), seeds=1).items()})
    assert {name: claim.reason for name, claim in none.items()} == {
        name: f"the records hold no cells for the contrast of {name}" for name in ("gap-dense", "gap-rivals")
    }


@pytest.mark.parametrize(("seeds", "words"), [(5, "too few seeds"), (1, "too few seeds")])
def test_few_seeds_claim_nothing(seeds, words):
    found = claims(sparse(ALL, seeds=seeds, gains=BEST))
    claim = found["gap-dense-c_gap-same-steps-fashion_mnist-resnet20"]
    assert claim.verdict == INCONCLUSIVE
    assert words in claim.reason


def test_arms_with_unequal_trials_compare_at_those_that_both_have():
    """Dense was tried with cosine alone, where restart is better for all: GaP is taken at cosine too, and at no other."""
    tables = sparse(ALL, seeds=8, rates=("restart", "cosine"), gains=BEST)
    lacking = (tables["records"].method == "dense") & (tables["records"].schedule == "restart")
    found, alone = (
        contrasts(only(tables, kept)).query("method == 'c_gap' and budget_asked == 0.1").set_index("rival")
        for kept in (~lacking, tables["records"].schedule == "cosine")
    )
    assert (found.rate["dense"], found.rate_rival["dense"]) == ("cosine", "cosine")
    assert found.difference["dense"] == alone.difference["dense"]
    assert found.status["dense"] == "tested"
    assert (found.rate["gmp"], found.rate_rival["gmp"]) == ("restart", "restart")


def test_trials_without_one_in_common_claim_nothing():
    tables = sparse(ALL, seeds=8, rates=("restart", "cosine"), gains=BEST)
    dense = tables["records"].method == "dense"
    kept = dense == (tables["records"].schedule == "restart")
    claim = claims(only(tables, kept))["gap-dense-c_gap-same-steps-fashion_mnist-resnet20"]
    assert claim.verdict == INCONCLUSIVE
    assert claim.reason == "no schedule in common, the test is refused (c_gap tried cosine, dense restart)"


def test_the_order_of_rows_changes_nothing():
    tables = sparse(ALL, seeds=6, rates=("restart", "cosine"))
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    pd.testing.assert_frame_equal(contrasts(tables), contrasts(mixed))


def test_an_arm_at_its_best_rate_has_a_row_a_seed():
    tables = sparse(ALL, seeds=3, rates=("restart", "cosine", "constant"))
    rows = sparse_rows(tables["records"], tables["metrics"])
    best = at_best(rows, rate_choices(rows))
    assert set(best.groupby(["method", "budget_asked"]).seed.agg(sorted).map(tuple)) == {(0, 1, 2)}
