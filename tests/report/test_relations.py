"""Views of the mask bank: correlations, one bank entry by entry, how masks repeat, and what they come near to."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Params
from maskbank.report.figure import Figure, figure, rendered
from maskbank.report.figures.bank_heatmap import chosen_splits
from maskbank.report.print import latex, markdown
from maskbank.report.reliability import pick, reliability_means
from maskbank.report.run import Run
from maskbank.report.table import Table, table
from maskbank.statistics.correlation import BY_LAYER, relation_table
from maskbank.statistics.effects import half_width
from tests.report import fake
from tests.report.fake_relations import BANKS, LAYERS, relations, timings_of
from tests.report.synthetic import run_of, texts

PARAMS = Params.model_validate({"compare": {"resamples": 200}})


def run_of_views(records: pd.DataFrame, metrics: pd.DataFrame) -> Run:
    return run_of(fake.tables(records) | {"metrics": metrics, "timings": timings_of(records)}, PARAMS)


def views(records: pd.DataFrame, metrics: pd.DataFrame) -> tuple[list[Table], list[Figure]]:
    run = run_of_views(records, metrics)
    tables = [table(name, run) for name in ("relations", "reliability", "ceilings")]
    return tables, [figure(name, run) for name in ("similarity", "bank_heatmap", "reliability")]


@pytest.fixture(scope="module")
def whole() -> tuple[pd.DataFrame, pd.DataFrame]:
    return relations(6)


@pytest.fixture(scope="module")
def means(whole) -> pd.DataFrame:
    records, metrics = whole
    return reliability_means(records, metrics, timings_of(records), relation_table(records, metrics))


def test_tables_have_a_row_for_each_bank_similarity_and_layer(whole):
    by_outcome, reliability, ceilings = views(*whole)[0]
    assert len(by_outcome.rows) == len(BANKS) * ((2 + len(LAYERS) + 1) * 3 + 1)
    assert len(reliability.rows) == len(BANKS) * (1 + len(LAYERS))
    assert len(ceilings.rows) == len(BANKS)
    for each in (by_outcome, reliability, ceilings):
        assert all(len(row) == len(each.head) for row in each.rows)
        assert "nan" not in markdown(each).lower()
        assert r"\bottomrule" in latex(each)
    assert texts(reliability)[0][:3] == [
        "fashion_mnist, resnet20, bank amp10",
        "amp, keep 0.1, 60 steps",
        "all layers",
    ]
    assert [row[-1] for row in texts(reliability)] == ["6"] * 8


def test_repeats_are_averaged_over_tasks_then_splits(whole, means):
    records, metrics = whole
    own = metrics[(metrics.metric == "iou_reseeded") & (metrics.setting == "all")]
    own = own.merge(records[records.bank == "amp10"][["cell_key", "split"]], on="cell_key")
    splits = own.groupby("split").value.mean()
    found = pick(means[means.bank == "amp10"], "iou_reseeded")
    assert found["mean"] == pytest.approx(splits.mean())
    assert found.sd == pytest.approx(splits.std(ddof=1))
    assert found.high - found["mean"] == pytest.approx(half_width(splits.std(ddof=1), 6))
    assert (found.n, found.tasks) == (6, 12)


def test_costs_are_those_of_the_entries_alone(means):
    for bank, (_, _, steps) in BANKS.items():
        own = means[means.bank == bank]
        assert pick(own, "train_macs")["mean"] == 1e7 * steps
        assert pick(own, "cpu_seconds")["mean"] == pytest.approx(0.5 + steps / 100)
        assert pick(own, "train_macs").tasks == 6 * 8, "remakes are not entries"


def test_best_nearest_and_mean_entry_by_hand(whole):
    records, metrics = whole
    related = relation_table(records, metrics)
    one = related[(related.split == "s0") & (related.task == "t0") & (related.bank == "amp10")]
    key = one.cell_key.iloc[0]
    alone = records[records.cell_key == key]
    found = reliability_means(alone, metrics, timings_of(records), relation_table(alone, metrics))
    accuracy = one["accuracy_of_entry@10"]
    expected = {
        "best_entry": accuracy.max(),
        "mean_entry": accuracy.mean(),
        "leep_entry": accuracy[one.similarity_leep.idxmax()],
        "accuracy_of_own": 0.9,
    }
    for measure, value in expected.items():
        assert pick(found, measure, "10")["mean"] == pytest.approx(value)
    assert pick(found, "overlap")["mean"] == pytest.approx(one.overlap.mean())
    assert np.isnan(pick(found, "overlap_own").sd), "one split has no sd"


def test_the_heat_map_shows_the_splits_with_most_pairs(whole):
    records, metrics = whole
    related = relation_table(records, metrics)
    assert [(kind, rows.split.iloc[0]) for kind, rows in chosen_splits(related)] == [
        ("unseen", "s1"),
        ("heldout", "s0"),
    ]
    fewer = related[~((related.split == "s1") & (related.task == "t0"))]
    assert chosen_splits(fewer)[0][1].split.iloc[0] == "s3"
    data = figure("bank_heatmap", run_of_views(records, metrics)).data
    assert set(data.split) == {"s0", "s1"}
    assert len(data) == 2 * 2 * 8 * 2, "splits, measures, entries, tasks"
    value = data[
        (data.split == "s1") & (data.entry == "s1/b3") & (data.task == "t1") & (data.measure == "similarity_leep")
    ]
    row = related[
        (related.split == "s1") & (related.entry == "s1/b3") & (related.task == "t1") & (related.bank == "amp10")
    ]
    assert value.value.iloc[0] == row.similarity_leep.iloc[0]
    best = (
        data[(data.split == "s1") & data.measure.str.startswith("accuracy")].groupby("entry", sort=False).value.mean()
    )
    assert all(high >= low for high, low in pairwise(best)), "entries are sorted by accuracy"


def test_the_forest_holds_what_the_table_holds(whole):
    records, metrics = whole
    run = run_of_views(records, metrics)
    correlated, drawing = run.correlations, figure("similarity", run)
    pd.testing.assert_frame_equal(drawing.data, correlated.loc[drawing.data.index])
    assert set(correlated.drop(drawing.data.index).outcome.str.partition("@")[0]) <= {BY_LAYER}
    titles = [axes.get_title() for axes in drawing.drawn.findobj(lambda artist: hasattr(artist, "get_title"))]
    assert {"LEEP", "prototypes", "label-free", "mask overlap"} <= set(titles)
    assert "n = 6 splits" in drawing.caption


def broken(name: str, records: pd.DataFrame, metrics: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return {
        "no relate": (records[records.stage != "relate"], metrics),
        "no prune": (records[records.stage != "prune"], metrics),
        "nothing": (records.iloc[:0], metrics.iloc[:0]),
        "one split": (records[records.split == "s0"], metrics),
        "no leep": (records, metrics[metrics.metric != "similarity_leep"]),
        "no accuracy": (records, metrics[~metrics.metric.str.startswith("accuracy")]),
        "no remakes": (records, metrics[~metrics.metric.str.startswith("iou")]),
        "held out only": (records[records.task_split.isin(["heldout", "bank"])], metrics),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["no relate", "no prune", "nothing", "one split", "no leep", "no accuracy", "no remakes", "held out only"],
)
@pytest.mark.filterwarnings("error")
def test_views_of_broken_records_are_written(name, whole):
    tables, figures = views(*broken(name, *whole))
    for each in tables:
        assert "nan" not in markdown(each).lower()
    for drawing in figures:
        drawing.drawn.draw_without_rendering()
        assert "nan" not in drawing.caption


def test_the_same_records_give_the_same_bytes(whole):
    records, metrics = whole
    again = records.sample(frac=1, random_state=0), metrics.sample(frac=1, random_state=0)
    for (first, second) in zip(views(records, metrics)[1], views(*again)[1], strict=True):  # fmt: skip
        assert rendered(first) == rendered(second), first.name
