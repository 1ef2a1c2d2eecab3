"""Every number of a table is made again from the cells that its row names, and from no others."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskbank.report.aggregate import transfer_means
from maskbank.report.print import latex, markdown, typst
from maskbank.report.table import Table
from maskbank.statistics.areas import mean_height
from maskbank.statistics.traces import AGAINST, CELLS, joined
from tests.report import fake

Tables = dict[str, pd.DataFrame]
POINT = ("budget_asked", "steps")


@pytest.fixture
def given(synthetic_tables: Tables) -> Tables:
    return synthetic_tables


def rows_of(table: Table, given: Tables, most: int = 60) -> list[tuple[pd.Series, pd.DataFrame, pd.DataFrame]]:
    """Rows of a table, evenly picked, each with the records of its cells and those of what it is compared with."""
    records, found = given["records"].set_index("cell_key", drop=False), []
    for _, row in table.data.iloc[:: -(-len(table.data) // most)].iterrows():
        sides = [records.loc[str(row.get(name, "")).split()] for name in (CELLS, AGAINST)]
        found.append((row, *sides))
    assert found
    return found


def over_splits(rows: pd.DataFrame, by: tuple[str, ...] = ()) -> float:
    """Seeds, then tasks, then splits averaged."""
    tasks = rows.groupby([*by, "split", "task"]).accuracy.mean()
    return float(tasks.groupby([*by, "split"]).mean().groupby([*by] or (lambda _: 0)).mean().mean())


def paired(own: pd.DataFrame, other: pd.DataFrame, unit: str = "pretrain_seed") -> float:
    """The mean over units of the difference of their means."""
    return float((own.groupby(unit).accuracy.mean() - other.groupby(unit).accuracy.mean()).dropna().mean())


def measured(given: Tables, rows: pd.DataFrame, metric: str, setting: str = "none") -> pd.DataFrame:
    """The rows with a metric of theirs as their accuracy."""
    found = given["metrics"]
    found = found[(found.metric == metric) & (found.setting == setting)]
    values = found.drop_duplicates("cell_key").set_index("cell_key").value.astype(float)
    return rows.assign(accuracy=values.reindex(rows.cell_key).to_numpy())


def test_every_csv_names_cells_of_the_records(shown, given):
    known = set(given["records"].cell_key)
    for table in shown.values():
        named = {
            key for name in (CELLS, AGAINST) if name in table.data for text in table.data[name] for key in text.split()
        }
        assert named <= known, table.name
        assert (table.data[CELLS] != "").all(), table.name


def test_keys_are_in_the_csv_alone(shown, given):
    key = shown["transfer"].data[CELLS].iloc[0].split()[0]
    assert not any(key in form(shown["transfer"]) for form in (markdown, latex, typst))


def test_means_of_transfer(shown, given):
    for row, own, _ in rows_of(shown["transfer"], given):
        assert set(own.method) == {row.method}
        assert over_splits(own[own.steps == row.steps]) == pytest.approx(row.accuracy)


def test_boards(shown, given):
    for row, own, other in rows_of(shown["board"], given):
        assert set(other.role) == {"reference"}
        assert over_splits(own, POINT) == pytest.approx(row.accuracy)
        assert over_splits(own, POINT) - over_splits(other, POINT) == pytest.approx(row.difference)


def test_differences_of_transfer(shown, given):
    for row, own, other in rows_of(shown["by_task_split"], given):
        assert (set(own.task_split), set(other.method)) == ({row.task_split}, {row.rival})
        steps = set(map(int, str(row.steps_averaged).split()))
        means = [over_splits(side[side.steps.isin(steps)], POINT) for side in (own, other)]
        assert means[0] - means[1] == pytest.approx(row.difference)
    for row, own, other in rows_of(shown["crossings"], given):
        assert (set(own.method), set(other.method)) == ({row.method}, {row.rival})
        assert set(own.budget_asked) == {row.budget_asked}
    for row, own, other in rows_of(shown["ablations"], given):
        assert (set(own.variant), set(other.variant)) == ({row.variant}, {"default"})
        assert over_splits(own, POINT) - over_splits(other, POINT) == pytest.approx(row.difference)


def test_means_over_seeds(shown, given):
    for row, own, _ in rows_of(shown["compression"], given):
        assert own.groupby("pretrain_seed").accuracy.mean().mean() == pytest.approx(row.accuracy)
    for name in ("sparse_arms", "sparse_rates", "sparse_costs"):
        for row, own, _ in rows_of(shown[name], given):
            assert own.accuracy.mean() == pytest.approx(row.score)
    for row, own, _ in rows_of(shown["recipes"], given):
        values = {
            "accuracy": own,
            "loss": own.assign(accuracy=own.loss),
            "train_loss": measured(given, own, "train_loss"),
        }
        if row.measure in values:
            assert values[row.measure].accuracy.mean() == pytest.approx(row["mean"])


def test_structured_pruning_and_its_control(shown, given):
    for row, *sides in rows_of(shown["robustness"], given):
        own, other = (
            sides if row.attack == "none" else (measured(given, side, "robust_accuracy", row.attack) for side in sides)
        )
        assert own.groupby("pretrain_seed").accuracy.mean().mean() == pytest.approx(row.value)
        assert len(other) == 0 if np.isnan(row.dense) else other.accuracy.mean() == pytest.approx(row.dense)
    for row, own, _ in rows_of(shown["prunability"], given):
        assert (set(own.method), set(own.backbone)) == ({row.method}, {row.backbone})


def test_differences_to_adam(shown, given):
    for row, own, other in rows_of(shown["recipe_contrasts"], given):
        assert (set(own.recipe), set(other.recipe)) == ({row.recipe}, {"adam"})
        assert paired(own, other) == pytest.approx(row.difference)
    for row, *sides in rows_of(shown["areas"], given):
        heights = [
            np.mean([
                mean_height(1 - model.budget_asked, model.accuracy)
                for _, model in side.sort_values("budget_asked", ascending=False).groupby("pretrain_seed")
            ])
            for side in sides
        ]  # fmt: skip
        assert heights == pytest.approx([row.area, row.area_adam])
    for row, *sides in rows_of(shown["sharpness"], given):
        metric, _, setting = row.measure.partition(" ")
        own, other = (measured(given, side, metric, setting or "none") for side in sides)
        logs = [np.log(side.set_index("pretrain_seed").accuracy) for side in (own, other)]
        assert (logs[0] - logs[1]).mean() == pytest.approx(row.difference)
        assert own.accuracy.median() == pytest.approx(row.level)


def test_sharpness_against_drops(shown, given):
    for row, own, _ in rows_of(shown["drops"], given):
        metric, _, setting = row.measure.partition(" ")
        model = ["recipe", "pretrain_seed"]
        dense, after = (own[own.stage == stage].groupby(model).accuracy.mean() for stage in ("pretrain", "compress"))
        values = measured(given, own[own.stage == "sharpness"], metric, setting or "none").set_index(model).accuracy
        assert own.groupby(model).ngroups == row.n
        assert stats.spearmanr(values, (dense - after).loc[values.index]).statistic == pytest.approx(row.pooled)


def test_differences_of_sparse_training(shown, given):
    for row, own, other in rows_of(shown["sparse_contrasts"], given):
        assert (set(own.method), set(other.method)) == ({row.method}, {row.rival})
        assert paired(own, other, "seed") == pytest.approx(row.difference)


def test_banks(shown, given):
    for row, own, _ in rows_of(shown["reliability"], given):
        values = {"own_task": own, "train_macs": own.assign(accuracy=own.train_macs)}
        if row.measure in values:
            assert over_splits(values[row.measure].drop_duplicates("cell_key", keep="last")) == pytest.approx(
                row["mean"]
            )
    for row, own, _ in rows_of(shown["ceilings"], given):
        if row.measure == "overlap_own":
            assert over_splits(measured(given, own, "overlap_own")) == pytest.approx(row["mean"])
    for row, own, _ in rows_of(shown["relations"], given):
        assert set(own.bank) == {row.bank}
        assert len(own[["task_split", "split", "task"]].drop_duplicates()) == row.targets


def test_a_failed_cell_is_named_too(given: Tables):
    records = given["records"]
    key = records[(records.stage == "transfer") & (records.method == "l2")].cell_key.iloc[0]
    means = transfer_means(fake.fail(records, records.cell_key == key))
    assert (
        means[means[CELLS].str.split().map(lambda keys: key in keys)].failed.tolist()
        == [1] * (records.cell_key == key).sum()
    )


def test_keys_are_sorted_and_stand_once():
    assert joined(["b a", "c", "a"]) == "a b c"
    assert joined([]) == ""
