"""Claims about PAODING over made-up records."""

import numpy as np
import pytest

from maskbank.statistics.claim import NOWHERE, Claim
from maskbank.statistics.claims import judged
from maskbank.statistics.facts import Facts
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from tests.report import fake
from tests.report.fake import pruned


def claims(facts: Facts, name: str) -> list[Claim]:
    return list(judged(name, facts.params.claims[name], facts, facts.contrasts))


def claim(name: str, rows: list[dict], shares: dict[str, float] | None = None) -> Claim:
    """The one claim whose id begins so."""
    frame = fake.frame_of(rows)
    metrics = fake.attacks(frame, fake.ATTACKS if shares is None else shares)
    facts = Facts(frame, metrics, fake.tables(frame)["timings"], fake.small_params(), "hash")
    found = claims(facts, name)
    assert len(found) == 1
    return found[0]


def sizes(backbone: str, dense: int, left: dict[float, float], **others: object) -> list[dict]:
    return [
        pruned(
            "paoding", budget, seed, 0.5, backbone=backbone, params=float(params), params_dense=float(dense), **others
        )
        for budget, params in left.items()
        for seed in range(2)
    ]


def test_the_published_counts_of_the_mlp_are_inside_the_published_range():
    found = claim("paoding-size", sizes("mlp", 6145, {0.656: 3109, 0.375: 1345}))
    assert found.verdict == SUPPORTED
    assert found.id == "paoding-size-mlp"
    assert [item.difference for item in found.measured] == pytest.approx([1 - 3109 / 6145, 1 - 1345 / 6145])
    assert [item.n for item in found.measured] == [2, 2]
    assert "34.4 % of units removed cut 49.4 %, 62.5 % of units removed cut 78.1 %" in found.reason
    assert "tool's nominal 25 %" in found.measured[0].setting


def test_a_cut_outside_the_published_range_contradicts():
    assert claim("paoding-size", sizes("mlp", 6145, {0.656: 3109, 0.375: 2400})).verdict == CONTRADICTED
    assert claim("paoding-size", sizes("mlp", 6145, {0.656: 3000, 0.375: 1345})).verdict == CONTRADICTED


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (sizes("resnet20", 6145, {0.656: 3109, 0.375: 1345}), "not one of the published models"),
        (sizes("mlp", 8970, {0.656: 4500, 0.375: 2000}), "with 8,970 parameters not the published model of 6,145"),
        (sizes("mlp", 6145, {0.75: 4000, 0.5: 2100}), "the tool's need budgets 0.656 and 0.375"),
        (sizes("mlp", 6145, {0.656: 3109}), "the tool's need budgets 0.656 and 0.375"),
        (sizes("mlp", 6145, {0.656: 3109, 0.375: 1345}, allocation="global"), "under allocation uniform"),
        (sizes("mlp", 6145, {0.9: 5000}), "neither 25 % nor 50 % were removed"),
    ],
)
def test_other_models_and_other_fractions_are_inconclusive_and_say_why(rows, reason):
    found = claim("paoding-size", rows)
    assert found.verdict == INCONCLUSIVE
    assert reason in found.reason
    assert "exact ratios remove fewer units than the tool's nominal ones" in found.reason


def test_size_is_not_split_by_what_does_not_change_it():
    rows = sizes("resnet20", 1000, {0.5: 400}) + sizes(
        "resnet20", 1000, {0.5: 400}, reconstruct="none", bn="reestimated"
    )
    found = claim("paoding-size", rows)
    assert [item.setting for item in found.measured] == ["adam, units, uniform: 50 % of units removed"]
    assert found.measured[0].n == 2


def survivors(seeds: int, share: dict[float, float], **others: object) -> list[dict]:
    """A control of 0.8 and paoding at each budget keeping this share of it, give or take a little."""
    noise = np.linspace(-0.002, 0.002, seeds)
    rows = [pruned("dense", 1, seed, 0.8, reconstruct="none") for seed in range(seeds)]
    for budget, kept in share.items():
        rows += [pruned("paoding", budget, seed, 0.8 * kept + noise[seed], **others) for seed in range(seeds)]
    return rows


def test_kept_shares_above_their_limits_support_and_below_contradict():
    found = claim("paoding-robustness", survivors(6, {0.8: 0.98, 0.5: 0.6}))
    assert found.verdict == SUPPORTED
    assert [item.difference for item in found.measured] == pytest.approx([0.98] * 3 + [0.6] * 3)
    assert all(item.p < 0.05 for item in found.measured)
    assert found.measured[2].setting == "adam, units, uniform, merge, BN kept: 20 % removed, pgd eps 0.03"
    assert claim("paoding-robustness", survivors(6, {0.8: 0.98, 0.5: 0.4})).verdict == CONTRADICTED
    assert claim("paoding-robustness", survivors(6, {0.8: 0.9, 0.5: 0.6})).verdict == CONTRADICTED
    assert claim("paoding-robustness", survivors(6, {0.8: 0.95, 0.5: 0.6})).verdict == INCONCLUSIVE


def test_robustness_counts_even_where_accuracy_is_kept():
    rows = survivors(6, {0.8: 0.98, 0.5: 0.6})
    frame = fake.frame_of(rows)
    metrics = fake.attacks(frame)
    dense = metrics.cell_key.isin(frame[frame.method == "dense"].cell_key)
    metrics["value"] = metrics.value.where(dense, 0.8 * metrics.value)
    facts = Facts(frame, metrics, fake.tables(frame)["timings"], fake.small_params(), "hash")
    (found,) = claims(facts, "paoding-robustness")
    assert found.verdict == CONTRADICTED
    assert "98 % of accuracy and 78 % of robust accuracy" in found.reason


def test_few_seeds_are_described_without_a_verdict():
    found = claim("paoding-robustness", survivors(3, {0.8: 0.98, 0.5: 0.6}))
    assert found.verdict == INCONCLUSIVE
    assert "too few seeds, 3 of 6" in found.reason
    first = found.measured[0]
    assert (first.n, first.unit) == (3, "seeds")
    assert first.ci_low < first.difference < first.ci_high
    assert np.isnan(first.p)
    one = claim("paoding-robustness", survivors(1, {0.8: 0.98, 0.5: 0.6})).measured[0]
    assert one.n == 1
    assert np.isnan(one.ci_low)


def test_only_merged_cells_are_judged_where_there_are_any():
    rows = survivors(6, {0.8: 0.98, 0.5: 0.6}) + survivors(6, {0.8: 0.5, 0.5: 0.1}, reconstruct="none")[6:]
    assert claim("paoding-robustness", rows).verdict == SUPPORTED
    assert "without the method's merging" not in claim("paoding-robustness", rows).reason
    plain = claim("paoding-robustness", survivors(6, {0.8: 0.5, 0.5: 0.1}, reconstruct="none"))
    assert plain.verdict == CONTRADICTED
    assert "without the method's merging" in plain.reason


def test_settings_have_to_agree():
    rows = survivors(6, {0.8: 0.98, 0.5: 0.6}) + survivors(6, {0.8: 0.5, 0.5: 0.1}, bn="reestimated")[6:]
    found = claim("paoding-robustness", rows)
    assert found.verdict == INCONCLUSIVE
    assert "the settings do not agree" in found.reason


def test_a_collapsed_model_has_kept_nothing():
    """A constant answer is robust, and right on all of the most frequent class."""
    rows = survivors(6, {0.8: 0.98, 0.5: 0.6})
    rows[-1] |= {"status": "collapsed"}
    found = claim("paoding-robustness", rows)
    assert found.verdict == INCONCLUSIVE
    assert "1 of 12 cells collapsed" in found.reason
    assert [item.missing for item in found.measured] == [""] * 3 + ["seed 5 collapsed"] * 3
    rows = survivors(6, {0.8: 0.98, 0.5: 0.4})
    rows[-1] |= {"status": "collapsed"}
    assert claim("paoding-robustness", rows).verdict == CONTRADICTED


def test_a_collapsed_control_is_none():
    rows = survivors(6, {0.8: 0.98, 0.5: 0.6})
    rows[0] |= {"status": "collapsed"}
    found = claim("paoding-robustness", rows)
    assert found.verdict == INCONCLUSIVE
    assert found.measured[0].missing == "seed 0: no dense control that ended ok"


@pytest.mark.parametrize(
    ("rows", "shares", "reason"),
    [
        (survivors(6, {0.8: 0.98, 0.5: 0.6})[1:], None, "some cells or controls are missing"),
        (survivors(6, {0.8: 0.98, 0.5: 0.6}), {}, "all attacked, are needed"),
        (survivors(6, {0.8: 0.98}), None, "all attacked, are needed"),
        (survivors(6, {0.8: 0.98, 0.5: 0.6}), {"pgd eps 0.3": 0.0}, "all attacked, are needed"),
    ],
)
def test_what_is_missing_refuses_the_verdict(rows, shares, reason):
    found = claim("paoding-robustness", rows, shares)
    assert found.verdict == INCONCLUSIVE
    assert reason in found.reason


def test_a_missing_control_is_named_with_its_seed():
    found = claim("paoding-robustness", survivors(6, {0.8: 0.98, 0.5: 0.6})[1:])
    assert {item.status for item in found.measured} == {"incomplete"}
    assert found.measured[0].missing == "seed 0: no dense control that ended ok"
    assert found.measured[0].n == 5


def test_an_attack_that_leaves_the_control_nothing_is_left_out():
    found = claim("paoding-robustness", survivors(6, {0.8: 0.98, 0.5: 0.6}), {"pgd eps 0.1": 0.5, "pgd eps 0.3": 0.0})
    assert found.verdict == SUPPORTED
    assert [item.status for item in found.measured] == ["tested", "tested", "undefined"] * 2


def contest(rival: str, seeds: int, gaps: dict[str, float]) -> list[dict]:
    """paoding ahead of a rival by a gap with each kind of reconstruction, more or less by seed."""
    rows = []
    for how, gap in gaps.items():
        for budget in (0.8, 0.5):
            for seed in range(seeds):
                extra = gap * (1 + 0.1 * seed)
                rows.append(pruned("paoding", budget, seed, 0.5 + extra, reconstruct=how))
                rows.append(pruned(rival, budget, seed, 0.5, reconstruct=how))
    return rows


@pytest.mark.parametrize("rival", ["l1", "random", "paoding_shipped"])
def test_rivals_are_compared_by_seed_and_with_each_reconstruction(rival):
    name = f"paoding-rivals-{rival}"
    found = claim(name, contest(rival, 6, {"none": 0.04, "merge": 0.08}))
    assert found.verdict == SUPPORTED
    means = {item.setting: item.difference for item in found.measured}
    assert means["none, mean over all shared points"] == pytest.approx(0.04 * 1.25)
    assert means["merge, keep 0.5"] == pytest.approx(0.08 * 1.25)
    assert len(means) == 6
    assert claim(name, contest(rival, 6, {"none": -0.04, "merge": -0.08})).verdict == CONTRADICTED
    assert "do not agree" in claim(name, contest(rival, 6, {"none": 0.0, "merge": 0.08})).reason
    assert "too few seeds" in claim(name, contest(rival, 3, {"none": 0.04})).reason


def test_points_that_only_one_has_are_not_compared():
    rows = contest("l1", 6, {"none": 0.04})
    rows += [pruned("paoding", 0.2, seed, 0.9, reconstruct="none") for seed in range(6)]
    found = claim("paoding-rivals-l1", rows)
    assert found.verdict == SUPPORTED
    assert [item.setting for item in found.measured] == [
        "none, mean over all shared points", "none, keep 0.8", "none, keep 0.5",
    ]  # fmt: skip


def test_a_seed_that_one_lacks_refuses_the_test():
    found = claim("paoding-rivals-l1", contest("l1", 7, {"none": 0.04})[:-1])
    assert found.verdict == INCONCLUSIVE
    assert found.measured[0].missing == "seed 6 incomplete"


@pytest.mark.parametrize("name", ["paoding-size", "paoding-robustness", "paoding-rivals-l1", "paoding-rivals-random"])
def test_no_records_are_inconclusive(name):
    found = claim(name, [])
    assert (found.id, found.where, found.verdict) == (name, NOWHERE, INCONCLUSIVE)
    assert name in found.reason
