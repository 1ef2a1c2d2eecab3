"""Recipes against Adam: pairing, means over kinds, areas and costs."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.areas import AREA, areas, mean_height
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.equivalence import above_p, below_p, not_below
from maskbank.statistics.models import pretrained, spread
from maskbank.statistics.recipe_costs import cost_ratios, relative_costs
from maskbank.statistics.recipes import POINT, SETTING, compressed, kind_of
from maskbank.statistics.scores import pair, tabulate
from maskbank.statistics.studies.compression import AT_POINT, BY_METHOD, MEAN
from tests.report import fake
from tests.report.fake_recipes import failed, not_reached, recipes
from tests.statistics.contrasted import study

PARAMS = Compare(resamples=200)
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return recipes(("adam", "snt"), seeds=6, forms=("trained", "folded"), stops=("steps", "loss"))


def models_of(tables: Tables) -> pd.DataFrame:
    return pretrained(tables["records"], tables["metrics"], tables["timings"])


def contrasts(tables: Tables) -> pd.DataFrame:
    return study("compression", tables, MEAN, AT_POINT, compare=PARAMS, arm="recipe")


def cells(accuracies: dict[str, list[float]], **own: object) -> list[dict]:
    """Rows of one point of compression: an accuracy a recipe and seed."""
    point = {"pattern": "unstructured", "budget_kind": "weights", "reconstruct": NONE, "allocation": "global"}
    point |= {"form": "trained", "stop": "steps", "bn": "kept"}
    return [
        fake.pruned("l1", 0.5, seed, accuracy, recipe=recipe) | point | own
        for recipe, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]


def by_hand(rows: list[dict]) -> pd.DataFrame:
    frame = fake.frame_of(rows)
    return contrasts({**fake.tables(frame), "records": frame})


def one(frame: pd.DataFrame, **labels: object) -> pd.Series:
    (found,) = [row for _, row in frame[(frame[list(labels)] == list(labels.values())).all(axis=1)].iterrows()]
    return found


@pytest.mark.parametrize(
    ("pattern", "kind", "activations", "expected"),
    [
        ("unstructured", "weights", False, "unstructured"), ("2:4", "weights", False, "n:m"),
        ("units:all", "macs", False, "units"), ("units:coupled", "units", False, "units"),
        ("block:4", "weights", False, "blocks"), (NONE, "bits", False, "weights"), (NONE, "bits", True, "activations"),
    ],
)  # fmt: skip
def test_kinds_of_compression(pattern, kind, activations, expected):
    assert kind_of(pattern, kind, activations) == expected


def test_a_contrast_by_hand():
    found = by_hand(cells({"snt": [0.7, 0.8], "adam": [0.6, 0.65]}))
    mean, point = one(found, level=MEAN), one(found, level=AT_POINT)
    for row in (mean, point):
        assert row.difference == pytest.approx(0.125)
        assert row.sd == pytest.approx(0.05 / np.sqrt(2))
        assert (row.n, row.points, row.status) == (2, 1, "too few to test")
        assert np.isnan(row.p)
        assert row.ci_low == pytest.approx(0.125 - 12.7062 * 0.025, abs=1e-4), "t-interval of one degree of freedom"
    assert (mean.method, point.method, point.budget_asked) == (NONE, "l1", 0.5)
    assert np.isnan(mean.budget_asked)


def test_the_mean_of_a_kind_is_over_its_points():
    rows = cells({"snt": [0.7], "adam": [0.6]}) + cells({"snt": [0.5], "adam": [0.2]}, budget_asked=0.1)
    rows += cells({"snt": [0.9], "adam": [0.1]}, pattern="2:4")
    found = by_hand(rows)
    assert one(found, level=MEAN, kind="unstructured").difference == pytest.approx((0.1 + 0.3) / 2)
    assert one(found, level=MEAN, kind="n:m").difference == pytest.approx(0.8)


@pytest.mark.parametrize("column", ["form", "stop", "bn"])
def test_settings_are_never_averaged(column):
    other = {"form": "folded", "stop": "loss", "bn": "reestimated"}[column]
    rows = cells({"snt": [0.7], "adam": [0.6]}) + cells({"snt": [0.5], "adam": [0.8]}, **{column: other})
    found = by_hand(rows).query("level == 'mean'").set_index(column).difference
    assert found.round(9).to_dict() == {by_hand(rows[:1] + rows[1:2])[column].iloc[0]: 0.1, other: -0.3}


def test_widths_of_activations_are_points_of_their_own():
    quantized = {"method": "quantize", "pattern": NONE, "budget_kind": "bits", "budget_asked": 8.0}
    rows = [
        row for bits, gap in ((np.nan, 0.1), (8.0, 0.2), (4.0, 0.4))
        for row in cells({"snt": [0.5 + gap], "adam": [0.5]}, activation_bits=bits, **quantized)
    ]  # fmt: skip
    found = by_hand(rows)
    assert one(found, level=MEAN, kind="weights").difference == pytest.approx(0.1)
    assert one(found, level=MEAN, kind="activations").difference == pytest.approx(0.3)
    points = found[found.level == AT_POINT].set_index("activations").difference.round(9)
    assert points.to_dict() == {NONE: 0.1, "8": 0.2, "4": 0.4}


def test_only_points_that_both_were_run_at_are_averaged():
    rows = cells({"snt": [0.7], "adam": [0.6]}) + cells({"adam": [0.1]}, budget_asked=0.1)
    found = by_hand(rows)
    assert one(found, level=MEAN).difference == pytest.approx(0.1)
    assert one(found, level=MEAN).points == 1


def test_iterative_pruning_and_the_unpruned_control_are_left_out():
    rows = cells({"snt": [0.7], "adam": [0.6]})
    more = cells({"snt": [0.1], "adam": [0.9]}, schedule="cubic:3")
    more += [row | {"method": "dense", "role": "reference"} for row in cells({"snt": [0.1]}, pattern="units")]
    pd.testing.assert_frame_equal(by_hand(rows + more), by_hand(rows))


def test_a_seed_that_one_lacks_refuses_the_test_and_is_named(tables):
    rows = cells({"snt": [0.7] * 7, "adam": [0.6] * 7})
    assert one(by_hand(rows), level=MEAN).status == "tested"
    found = one(by_hand(rows[:-1]), level=MEAN)
    assert (found.status, found.n, found.missing) == ("incomplete", 6, "seed 6 incomplete")
    assert np.isnan([found.p, found.ci_low]).all()
    records = tables["records"]
    hole = (
        (records.stage == "compress") & (records.recipe == "adam") & (records.seed == 3) & (records.method == "wanda")
    )
    status = contrasts(failed(tables, hole)).query("level == 'mean'").groupby("kind").status.unique()
    assert status["unstructured"].tolist() == ["incomplete"]
    assert status["units"].tolist() == ["tested"]


def test_no_adam_no_contrast():
    assert by_hand(cells({"snt": [0.7], "sam": [0.6]})).empty
    assert by_hand(cells({"adam": [0.7]})).empty
    assert by_hand([]).empty


def test_families_are_the_kinds_of_one_recipe_in_one_setting(tables):
    found = contrasts(tables)
    means = found[(found.level == MEAN) & (found.kind != "dense")]
    assert means.groupby(SETTING).family_size.agg(["min", "max"]).apply(tuple, axis=1).to_dict() == {
        ("fashion_mnist", "resnet20", stop, form, bn): (size, size)
        for stop in ("steps", "loss")
        for form, bn, size in (("trained", "reestimated", 3), ("trained", "kept", 5), ("folded", NONE, 5))
    }
    dense = found[found.kind == "dense"]
    assert (dense.family_size == 1).all()
    points = found[(found.level == AT_POINT) & (found.kind == "n:m")]
    assert (points.family_size == 2).all()
    assert (found.p_holm >= found.p).all()


def test_the_dense_models_compare_without_a_form(tables):
    dense = contrasts(tables).query("kind == 'dense'")
    assert set(zip(dense.form, dense.bn, strict=True)) == {(NONE, NONE)}
    models = models_of(tables)
    means = models[models.stop == "steps"].groupby("recipe").accuracy.mean()
    assert one(dense, stop="steps").difference == pytest.approx(means["snt"] - means["adam"])


def test_models_that_did_not_reach_the_loss_are_excluded_with_their_pair(tables):
    given = not_reached(tables, "adam", 2)
    found = contrasts(given)
    apart = found.groupby("stop")[["excluded", "n"]].agg(["min", "max"]).apply(list, axis=1).to_dict()
    assert apart == {"loss": [1, 1, 5, 5], "steps": [0, 0, 6, 6]}
    assert set(found[found.stop == "loss"].status) == {"too few to test"}
    skipped = given | {"records": given["records"].query("stage != 'compress' or recipe != 'adam' or seed != 2")}
    again = contrasts(skipped)
    left = again[(again.stop == "loss") & (again.kind != "dense")]
    assert set(left.status) == {"too few to test"}, "nor is it missing where it was not compressed at all"


def test_the_order_of_rows_changes_nothing(tables):
    shuffled = tables | {"records": tables["records"].sample(frac=1, random_state=0)}
    pd.testing.assert_frame_equal(contrasts(shuffled), contrasts(tables))


def test_swapping_the_recipes_turns_the_sign(tables):
    swapped = tables["records"].assign(recipe=tables["records"].recipe.map({"adam": "snt", "snt": "adam"}))
    first, second = contrasts(tables), contrasts(tables | {"records": swapped})
    assert second.difference.to_numpy() == pytest.approx(-first.difference.to_numpy())
    assert second.p.to_numpy() == pytest.approx(first.p.to_numpy())


def test_pairs_of_recipes_and_nan():
    frame = pd.DataFrame({
        "recipe": ["snt", "snt", "adam", "adam", "adam"], "unit": [0.0, 1.0, 0.0, 1.0, 2.0], "point": 0,
        "accuracy": [0.5, np.nan, 0.4, 0.4, 0.4], "status": "ok", "cell_key": list("abcde"),
    })  # fmt: skip
    scores = tabulate(frame, Axes((), "recipe", ("point",), SEED))
    pairs = pair(scores, "snt", "adam")
    assert pairs.differences.tolist() == pytest.approx([0.1])
    assert pairs.missing == ("seed 1 incomplete", "seed 2 incomplete")
    assert pairs.counted == "seeds"
    assert not pair(scores, "sam", "adam").ran
    assert (scores.cells_of("snt"), scores.cells_of("adam"), scores.cells_of("sam")) == ("a b", "c d e", "")


def test_cells_that_occur_twice_are_averaged_whatever_their_order():
    frame = pd.DataFrame({"recipe": "snt", "unit": 0.0, "point": 0, "accuracy": [0.1, 0.2, 0.6], "status": "ok"})
    axes = Axes((), "recipe", ("point",), SEED)
    found = {tabulate(frame.iloc[order], axes).values.item() for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0])}
    assert len(found) == 1
    assert found.pop() == pytest.approx(0.3)


def test_a_method_of_a_kind_has_a_mean_of_its_own():
    rows = cells({"snt": [0.7], "adam": [0.6]}) + cells({"snt": [0.5], "adam": [0.2]}, method="wanda")
    frame = fake.frame_of(rows)
    found = study("compression", {**fake.tables(frame), "records": frame}, MEAN, BY_METHOD)
    assert found[["level", "method"]].values.tolist() == [["mean", NONE], ["method", "l1"], ["method", "wanda"]]
    assert found.difference.tolist() == pytest.approx([0.2, 0.1, 0.3])


# models


def test_a_model_has_its_gap_and_its_time(tables):
    models = models_of(tables)
    assert len(models) == 24
    first = one(models, recipe="adam", stop="steps", unit=0.0)
    assert first.gap == pytest.approx(0.06)
    assert first.machine_class == "2 cores"
    assert not models.excluded.any()
    assert models_of(not_reached(tables, "snt", 1)).query("excluded")[["recipe", "stop", "unit"]].values.tolist() == [
        ["snt", "loss", 1.0]
    ]


def test_a_model_not_known_to_have_reached_the_loss_is_excluded_but_a_failed_one_is_missing(tables):
    metrics = tables["metrics"][tables["metrics"].metric != "stop_loss_reached"]
    assert models_of(tables | {"metrics": metrics}).groupby("stop").excluded.all().to_dict() == {
        "loss": True,
        "steps": False,
    }
    records = tables["records"]
    lost = models_of(failed(tables, (records.stage == "pretrain") & (records.seed == 0)))
    assert not lost.excluded.any()
    assert lost.accuracy.isna().sum() == 4


def test_models_for_transfer_to_unseen_classes_are_no_models_of_a_recipe(tables):
    more = tables["records"].query("stage == 'pretrain'").assign(split="s0", cell_key="x")
    both = pd.concat([tables["records"], more], ignore_index=True)
    pd.testing.assert_frame_equal(models_of(tables | {"records": both}), models_of(tables))


def test_spread_of_known_values():
    assert spread(pd.Series([1.0, np.nan, 3.0])) == {"n": 2, "mean": 2.0, "sd": pytest.approx(np.sqrt(2))}
    assert spread(pd.Series([np.nan]))["n"] == 0


# areas


def test_mean_height_by_hand():
    assert mean_height([0.5, 0.9], [0.8, 0.4]) == pytest.approx(0.6)
    assert mean_height([0.5, 0.7, 0.9], [0.8, 0.7, 0.2]) == pytest.approx((0.2 * 0.75 + 0.2 * 0.45) / 0.4)
    assert mean_height([0.1, 0.2, 0.9], [0.3, 0.3, 0.3]) == pytest.approx(0.3), "a constant is its own mean height"
    assert np.isnan(mean_height([0.5], [0.8]))
    assert np.isnan(mean_height([0.5, 0.9], [0.8, np.nan]))


def by_area(frame: pd.DataFrame) -> pd.DataFrame:
    return study("area", {**fake.tables(frame), "records": frame}, compare=PARAMS)


def curve(recipe: str, heights: dict[float, float], **own: object) -> list[dict]:
    return [row for kept, each in heights.items() for row in cells({recipe: [each]}, budget_asked=kept, **own)]


def test_areas_span_what_all_recipes_share():
    rows = curve("adam", {0.7: 0.8, 0.5: 0.8, 0.1: 0.4}) + curve("snt", {0.5: 0.8, 0.1: 0.6, 0.05: 0.1})
    rows += curve("snt", {0.5: 0.9, 0.1: 0.9}, method="wanda") + curve("adam", {0.5: 0.1, 0.1: 0.1}, form="folded")
    found = areas(fake.frame_of(rows))
    own = found[found.form == "trained"].set_index("recipe")
    assert own.area.to_dict() == pytest.approx({"adam": 0.6, "snt": 0.7})
    assert (own.sparsity_low.iloc[0], own.sparsity_high.iloc[0]) == (pytest.approx(0.5), pytest.approx(0.9))
    frame = fake.frame_of(rows)
    (row,) = by_area(frame).to_dict("records")
    assert (row["difference"], row["arm_score"], row["baseline_score"]) == pytest.approx((0.1, 0.7, 0.6))


def test_a_model_without_a_shared_point_has_no_area():
    rows = cells({"adam": [0.8, 0.8], "snt": [0.9, 0.9]}) + cells({"adam": [0.4, 0.4], "snt": [0.5]}, budget_asked=0.1)
    frame = fake.frame_of(rows)
    assert areas(frame).area.isna().tolist() == [False, False, False, True]
    (row,) = by_area(frame).to_dict("records")
    assert (row["status"], row["missing"], row["n"]) == ("incomplete", "seed 1 incomplete", 1)


def test_one_sparsity_has_no_area():
    frame = fake.frame_of(cells({"adam": [0.8], "snt": [0.9]}))
    assert areas(frame).empty
    assert list(areas(frame).columns) == AREA
    assert by_area(frame).empty


# costs


def test_ratios_are_to_adam_of_the_same_seed(tables):
    ratios = cost_ratios(models_of(tables)).query("stop == 'steps'")
    assert ratios[ratios.cost_of == "macs"].ratio.to_numpy() == pytest.approx(1.02)
    assert ratios[ratios.cost_of == "steps"].ratio.to_numpy() == pytest.approx(1.0)
    found = relative_costs(models_of(tables)).query("stop == 'steps' and cost_of == 'macs'")
    assert found[["n", "median", "low", "high"]].values.tolist() == [pytest.approx([6, 1.02, 1.02, 1.02])]


def test_seconds_compare_on_one_machine_class_only(tables):
    timings = tables["timings"]
    other = timings.cell_key == "pretrain-resnet20-steps-adam-1"
    moved = tables | {"timings": timings.assign(machine_class=timings.machine_class.mask(other, "64 cores"))}
    found = relative_costs(models_of(moved)).query("stop == 'steps'").set_index("cost_of")
    assert found.n.to_dict() == {"macs": 6, "seconds": 5, "steps": 6}
    tested = study("cost", moved).query("stop == 'steps'").set_index("measure")
    assert tested.n.to_dict() == {"macs": 6, "seconds": 5, "steps": 6}
    assert tested.others.to_dict() == {"macs": 0, "seconds": 1, "steps": 0}
    assert np.isnan(tested.p["seconds"])


def test_costs_of_failed_models_and_models_excluded_are_not_counted(tables):
    records = tables["records"]
    lost = failed(tables, (records.stage == "pretrain") & (records.recipe == "snt") & (records.seed == 0))
    found = relative_costs(models_of(not_reached(lost, "adam", 1))).query("cost_of == 'macs'").set_index("stop")
    assert found.n.to_dict() == {"loss": 4, "steps": 5}


def test_costs_are_tested_as_logarithms_of_ratios(tables):
    found = study("cost", tables).query("stop == 'steps'").set_index("measure")
    assert np.exp(found.difference["macs"]) == pytest.approx(1.02)
    six = np.log([1.0, 1.01, 1.02, 1.0, 1.01, 1.0])
    numbers = (six.mean(), six.std(ddof=1), 6, np.log(1.05))
    assert below_p(*numbers) < 0.01 < 0.99 < above_p(*numbers)
    assert below_p(*numbers) == pytest.approx(not_below(-six, -np.log(1.05)))


def test_compressed_rows_know_their_point(tables):
    rows = compressed(tables["records"])
    assert rows.groupby([*SETTING, *POINT, "recipe"]).size().eq(6).all()
    assert set(rows.kind) == {"unstructured", "n:m", "units", "weights", "activations"}
