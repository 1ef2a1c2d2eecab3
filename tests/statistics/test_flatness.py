"""Sharpness of models: against Adam, and beside what compression costs."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.statistics.correlation import spearman
from maskbank.statistics.drops import (
    COLUMNS,
    centred_correlations,
    correlated,
    drop_correlations,
    drops,
    ends,
    rank_correlations,
    sharp_drops,
)
from maskbank.statistics.flatness import by_measure, landscapes, sharpness_rows
from maskbank.statistics.models import pretrained
from tests.report.fake_recipes import failed, not_reached, recipes
from tests.statistics.contrasted import study

PARAMS = Compare(resamples=200)
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return recipes(("adam", "snt", "sam"), seeds=6, landscape=3)


def models_of(tables: Tables) -> pd.DataFrame:
    return pretrained(tables["records"], tables["metrics"], tables["timings"])


def contrasts(tables: Tables) -> pd.DataFrame:
    return study("sharpness", tables, compare=PARAMS, arm="recipe")


def changed(tables: Tables, recipe: str, unit: int, metric: str, value: float) -> Tables:
    """The same tables with one measure of one model."""
    key = f"sharpness-resnet20-steps-{recipe}-{unit}"
    own = (tables["metrics"].cell_key == key) & (tables["metrics"].metric == metric)
    assert own.sum() == 1
    return tables | {"metrics": tables["metrics"].assign(value=tables["metrics"].value.mask(own, value))}


def test_ratios_to_adam_by_hand(tables):
    rows = sharpness_rows(tables["records"], tables["metrics"])
    values = rows.pivot(index=["measure", "unit"], columns="recipe", values="value")
    logs = np.log(values["snt"] / values["adam"]).groupby("measure").mean()
    found = contrasts(tables).query("recipe == 'snt'").set_index("measure")
    assert found.difference.to_dict() == pytest.approx(logs.to_dict())
    assert set(found.scale) == {"log"}
    assert (found.ci_low < found.difference).all()
    assert (found.difference < found.ci_high).all()
    assert found.equivalence_p.isna().all(), "a margin of accuracy is none of sharpness"
    assert found.arm_score["hessian_top"] == pytest.approx(values.loc["hessian_top"].snt.median())
    assert (found.family_size == 3).all()


def test_measures_in_order(tables):
    names = ["sharpness_adaptive rho 1", "hessian_trace", "sharpness_adaptive rho 0.5", "hessian_top"]
    assert sorted(names, key=by_measure) == ["hessian_top", "hessian_trace", *names[2::-2]]
    found = contrasts(tables)
    assert list(dict.fromkeys(found.measure)) == ["hessian_top", "hessian_trace", "sharpness_adaptive rho 0.5"]


@pytest.mark.parametrize("value", [-5.0, 0.0, np.nan])
def test_what_has_no_logarithm_refuses_the_test(tables, value):
    found = contrasts(changed(tables, "snt", 2, "hessian_trace", value)).set_index(["measure", "recipe"])
    row = found.loc["hessian_trace", "snt"]
    assert (row.status, row.missing, row.n) == ("incomplete", "seed 2 incomplete", 5)
    assert np.isnan(row.p)
    assert found.loc["hessian_top", "snt"].status == "tested"
    assert found.loc["hessian_trace", "sam"].status == "tested"


def test_a_failed_cell_is_missing_in_every_measure(tables):
    records = tables["records"]
    lost = failed(tables, (records.stage == "sharpness") & (records.recipe == "snt") & (records.seed == 0))
    found = contrasts(lost).query("recipe == 'snt'")
    assert len(found) == 3
    assert set(found.missing) == {"seed 0 incomplete"}


def test_stops_stay_apart_and_models_short_of_the_loss_are_excluded():
    given = not_reached(recipes(("adam", "snt"), seeds=7, stops=("steps", "loss")), "snt", 0)
    found = contrasts(given)
    assert found.groupby("stop")[["n", "excluded"]].first().values.tolist() == [[6, 1], [7, 0]]
    assert set(found.status) == {"tested"}


def test_without_sharpness_there_is_nothing(tables):
    none = tables | {"records": tables["records"].query("stage != 'sharpness'")}
    rows = sharpness_rows(none["records"], none["metrics"])
    assert rows.empty
    assert contrasts(none).empty
    assert all(part.empty for part in landscapes(none["records"], none["metrics"]))
    paired = sharp_drops(drops(none["records"], models_of(none)), rows)
    assert paired.empty
    assert list(drop_correlations(paired, PARAMS).columns) == COLUMNS


def test_landscapes_are_of_the_first_seed(tables):
    line, plane = landscapes(tables["records"], tables["metrics"])
    assert line.groupby("recipe").x.apply(list).tolist() == [[-1.0, 0.0, 1.0]] * 3
    assert set(line.unit) == {0.0}
    assert set(line.y) == {0.0}
    assert len(plane) == 3 * 9
    middle = plane[(plane.x == 0) & (plane.y == 0)]
    assert middle.loss.to_numpy() == pytest.approx(0.15)


# drops


def test_drops_by_hand(tables):
    found = drops(tables["records"], models_of(tables))
    records = tables["records"]
    own = records[
        (records.recipe == "snt") & (records.seed == 3) & (records.stage == "compress") & (records.bn == "kept")
    ]
    pruned = own[own.pattern == "unstructured"]
    dense = records[(records.stage == "pretrain") & (records.recipe == "snt") & (records.seed == 3)].accuracy.item()
    (row,) = found.query("recipe == 'snt' and unit == 3 and bn == 'kept' and kind == 'unstructured'").to_dict("records")
    assert row["drop"] == pytest.approx(dense - pruned.accuracy.mean())
    assert row["points"] == 12


def test_drops_are_over_points_that_all_recipes_share_and_models_that_have_them(tables):
    records = tables["records"]
    wanda = (records.stage == "compress") & (records.method == "wanda")
    fewer = tables | {"records": records[~(wanda & (records.recipe == "sam"))]}
    assert set(drops(fewer["records"], models_of(fewer)).query("kind == 'unstructured'").points) == {6}
    lost = failed(tables, wanda & (records.recipe == "sam") & (records.seed == 1))
    found = drops(lost["records"], models_of(lost)).query("kind == 'unstructured' and bn == 'kept'")
    assert len(found) == 17
    assert set(found.points) == {12}


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(5, 3, 4)), generator.integers(0, 4, (5, 3, 4)).astype(float)
    x[0, 0, 0] = y[1, 2, 3] = np.nan
    expected = [spearman(a.ravel(), b.ravel()) for a, b in zip(x, y, strict=True)]
    assert rank_correlations(x, y) == pytest.approx(expected)


def test_rank_correlations_by_hand():
    x = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    assert rank_correlations(x, 10 - x).tolist() == pytest.approx([-1])
    assert np.isnan(rank_correlations(x, np.ones_like(x)))
    assert np.isnan(rank_correlations(x, np.array([[[1.0, 2.0], [np.nan, np.nan]]]))), "two pairs"
    assert rank_correlations(x[:0], x[:0]).size == 0


def test_pooled_and_within_may_disagree():
    """Recipes rise together while inside each recipe the sharper model loses less (Simpson's paradox)."""
    recipe, seed = np.arange(7.0)[:, None], np.linspace(-0.3, 0.3, 6)
    x, y = np.exp(recipe + seed), recipe - seed
    found = correlated(x, y, 200, np.random.default_rng(0))
    assert found["pooled"] > 0.9
    assert found["within"] == pytest.approx(-1)
    assert found["pooled_low"] > 0.5
    assert found["within_high"] == pytest.approx(-1)


def test_intervals_need_six_recipes_and_six_seeds():
    x = np.exp(np.random.default_rng(1).normal(size=(5, 8)))
    found = correlated(x, np.log(x), 50, np.random.default_rng(0))
    assert np.isnan([found["pooled_low"], found["pooled_high"]]).all()
    assert found["within_low"] == pytest.approx(1)
    other = correlated(x.T, np.log(x.T), 50, np.random.default_rng(0))
    assert np.isnan(other["within_low"])
    assert other["pooled_low"] == pytest.approx(1)
    assert np.isnan(ends(np.array([np.nan]))).all()


def test_a_recipe_with_one_model_says_nothing_inside_recipes():
    x = np.array([[[1.0, 2.0, 3.0], [100.0, np.nan, np.nan]]])
    y = np.array([[[3.0, 2.0, 1.0], [-50.0, np.nan, np.nan]]])
    assert centred_correlations(x, y).tolist() == pytest.approx([-1])


def test_correlations_say_how_many_models_and_recipes(tables):
    paired = sharp_drops(
        drops(tables["records"], models_of(tables)), sharpness_rows(tables["records"], tables["metrics"])
    )
    found = drop_correlations(paired, PARAMS)
    assert set(found.n) == {18}
    assert set(found.recipes) == {3}
    assert set(found.seeds) == {6}
    assert len(found) == 3 * (3 + 5), "measures times kinds, of BN re-estimated and kept"
    kept = found.query("kind == 'unstructured' and measure == 'hessian_top' and bn == 'kept'").iloc[0]
    own = paired.query("kind == 'unstructured' and measure == 'hessian_top' and bn == 'kept'")
    assert kept.pooled == pytest.approx(spearman(own.value, own["drop"]))
    assert found.pooled_low.isna().all(), "three recipes"
    assert found.within_low.notna().all()
    shuffled = drop_correlations(paired.sample(frac=1, random_state=0), PARAMS)
    keys = ["bn", "kind", "measure"]
    pd.testing.assert_frame_equal(
        shuffled.sort_values(keys, ignore_index=True), found.sort_values(keys, ignore_index=True)
    )
