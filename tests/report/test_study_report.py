"""Tables and figures of transfer in full: settings apart, costs, task splits and ablations."""

from pathlib import Path

import pandas as pd
import pytest
from maskbank.report.ablations import ablations_figure, ablations_table
from maskbank.report.forest import forest_figure, task_split_figure
from maskbank.report.frames import legend_shape
from maskbank.report.renderings import markdown
from maskbank.report.task_splits import task_split_table

from maskbank.config import Params
from maskbank.records.load import write_tables
from maskbank.report.aggregate import transfer_means
from maskbank.report.comparison import write_comparison
from maskbank.report.compose import write_report
from maskbank.report.costs import cost_curves, cost_figure, crossings_table, round_costs, short, where
from maskbank.report.figures import accuracy_figure, steps_figure
from maskbank.report.panels import look
from maskbank.report.run import read_comparisons
from maskbank.report.style import Drawing, house_style, label
from maskbank.report.tables import transfer_table
from maskbank.report.words import setting_title
from maskbank.statistics.ablation import ablations
from maskbank.statistics.comparisons import compare
from maskbank.statistics.costs import cost_means, cost_rows, crossings
from maskbank.statistics.facts import Facts
from tests.report import fake

TITLES = [
    "fashion mnist, resnet20, global (per MAC)", "fashion mnist, resnet20, uniform",
    "fashion mnist, resnet20, uniform, 5 images a class",
    "fashion mnist, resnet20, global (per MAC), tuned by 4 trials", "fashion mnist, resnet20, uniform, tuned by 4 trials",
    "kmnist, resnet20, global (per MAC)", "kmnist, resnet20, uniform",
]  # fmt: skip


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return fake.study()


@pytest.fixture(scope="module")
def params() -> Params:
    params = fake.small_params()
    against = {"against": ["l2", "taylor", "oracle", "dense"], "resamples": 100}
    return params.model_copy(update={"compare": params.compare.model_copy(update=against)})


@pytest.fixture(scope="module")
def means(records) -> pd.DataFrame:
    return transfer_means(records)


@pytest.fixture(scope="module")
def comparisons(records, params) -> pd.DataFrame:
    return compare(records, params.compare)


@pytest.fixture(scope="module")
def costs(records) -> pd.DataFrame:
    return cost_rows(records, fake.study_timings(records))


def lines_of(drawing: Drawing) -> list[str]:
    """Titles of the lines of panels."""
    return [part.get_suptitle() for part in drawing.figure.subfigs if part.get_suptitle()]


def test_each_setting_is_a_line_of_panels_of_its_own(means):
    by_budget, by_steps = accuracy_figure(means), steps_figure(means)
    assert lines_of(by_budget) == lines_of(by_steps) == TITLES
    titles = [[axes.get_title() for axes in part.axes if axes.axison] for part in by_budget.figure.subfigs[:-1]]
    assert titles == [["T = 0", "T = 10", "T = 30"]] * 7
    titles = [[axes.get_title() for axes in part.axes if axes.axison] for part in by_steps.figure.subfigs[:-1]]
    assert titles[:3] == [["keep 0.1", "keep 0.2"], ["keep 0.05", "keep 0.1", "keep 0.2"], ["keep 0.1"]]


def test_curves_are_the_means(means):
    axes = steps_figure(means).figure.subfigs[1].axes[1]
    (line,) = [line for line in axes.lines if line.get_color() == look("smsp", "method")["color"]]
    rows = means[(means.allocation == "uniform") & (means.budget_asked == 0.1) & (means.method == "smsp")]
    rows = rows[(rows.tuning == "default") & (rows.shots == "all") & (rows.dataset == "fashion_mnist")]
    assert line.get_xdata().tolist() == [0, 10, 30]
    assert line.get_ydata() == pytest.approx(100 * rows.sort_values("steps").accuracy.to_numpy())


def test_one_legend_names_every_method_once(means):
    (legend,) = accuracy_figure(means).figure.subfigs[-1].legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == sorted(label(name) for name in fake.STUDY)
    assert (names[0], names[-1]) == ("SMSP", "dense")


def test_legends_fit_their_width():
    with house_style():
        assert legend_shape(["a" * 20] * 7, 6.0) == (3, 3)
        assert legend_shape(["a" * 200], 6.0) == (1, 1)
        assert legend_shape([], 6.0) == (1, 0)


def test_a_title_says_what_is_unusual_or_differs(means):
    usual = means.iloc[0].to_dict()
    alone = means[means.dataset == "fashion_mnist"]
    assert setting_title(usual, alone) == "resnet20, global (per MAC)"
    odd = usual | {"shots": "5", "budget_kind": "macs", "pattern": "units:all", "reconstruct": "merge", "bn": "kept"}
    both = pd.DataFrame([usual, odd])
    assert setting_title(usual, both) == "resnet20, global (per MAC), BN re-estimated"
    assert (
        setting_title(odd, both) == "resnet20, global (per MAC), BN kept, 5 images a class, units:all, merge, by MACs"
    )


def test_transfer_table_keeps_settings_apart(means):
    sheet = transfer_table(means)
    assert list(dict.fromkeys(row[0].text for row in sheet.rows)) == TITLES
    oracle = next(row for row in sheet.rows if row[0].text == TITLES[1] and row[2].text.startswith("oracle"))
    assert [bool(cell.text) for cell in oracle[3:6]] == [False, True, False], "at 10 % kept alone"


def test_forest_panels_side_by_side_have_the_same_rivals(comparisons):
    drawing = forest_figure(comparisons, 0.005)
    shown = [axes for axes in drawing.figure.axes if axes.axison]
    assert [axes.get_title().replace("\n", " ") for axes in shown] == TITLES
    assert [text.get_text() for text in shown[0].get_yticklabels()] == ["L2", "Taylor", "oracle (target's own mask)"]
    assert [text.get_text() for text in shown[2].get_yticklabels()] == ["L2", "Taylor"]


def test_foreign_tasks_stand_beside_those_of_the_banks_data_set(comparisons):
    sheet = task_split_table(comparisons)
    assert sheet.head == ("setting", "against", "role", "held out", "unseen", "foreign")
    l2 = next(row for row in sheet.rows if row[0].text == "resnet20, uniform" and row[1].text == "L2")
    assert all("n 4, insufficient" in cell.text for cell in l2[3:])
    oracle = next(row for row in sheet.rows if row[1].text.startswith("oracle"))
    assert oracle[5].text == ""
    drawing = task_split_figure(comparisons)
    assert [text.get_text() for text in drawing.figure.subfigs[-1].legends[0].get_texts()] == [
        "held out",
        "unseen",
        "foreign",
    ]
    assert "4/4/4" in [text.get_text() for text in drawing.figure.axes[0].texts]


def test_cost_figures_have_a_curve_a_method(means, costs):
    curves = cost_curves(means, cost_means(costs))
    assert len(curves) == len(means)
    for kind, scale in (("macs", 1.0), ("seconds", 1e-10)):
        drawing = cost_figure(curves, kind)
        assert lines_of(drawing) == TITLES
        axes = drawing.figure.subfigs[1].axes[1]
        (line,) = [line for line in axes.lines if line.get_color() == look("smsp", "method")["color"]]
        assert line.get_xdata() == pytest.approx([4e9 * scale, 8e9 * scale, 16e9 * scale])


def test_seconds_that_are_not_known_leave_an_empty_figure(means, costs):
    curves = cost_curves(means, cost_means(costs.assign(seconds_total=float("nan"))))
    assert lines_of(cost_figure(curves, "seconds")) == []
    assert lines_of(cost_figure(curves, "macs")) == TITLES


def test_crossings_in_words(costs, params):
    sheet = crossings_table(crossings(costs, params.compare))
    assert sheet.head[4:6] == ("above, by MACs", "above, by CPU seconds")
    assert all(len(row) == len(sheet.head) for row in sheet.rows)
    row = {"verdict": "from", "cost": 1.23e9, "low": 9e8, "high": float("inf"), "agreement": 0.873, "status": "tested"}
    assert where(row) == "from 1.23G [900M, beyond], 87 %"
    assert where(row | {"verdict": "always"}) == "always, 87 %"
    assert where(row | {"verdict": "until", "low": float("-inf")}) == "until 1.23G [below, beyond], 87 %"
    assert where(row | {"status": "incomplete"}) == "from 1.23G"
    assert where(row | {"verdict": "dearer at every T"}) == "dearer at every T"


def test_round_numbers():
    assert [short(value) for value in (0, 0.25, 1500, 3.4e8, 2e13)] == ["0", "0.25", "1.5k", "340M", "20T"]
    assert round_costs(1, 8) == [1, 2, 5, 10]
    assert round_costs(1, 100) == [1, 3, 10, 30, 100]
    assert round_costs(1, 1e6) == [1, 100, 1e4, 1e6]


def test_ablations_as_table_and_figure(records, params):
    found = ablations(records, params.compare)
    sheet, drawing = ablations_table(found), ablations_figure(found)
    assert [row[2].text for row in sheet.rows] == ["bank4", "m1", "votes"]
    assert sheet.rows[0][3].text == "amp4, not amp"
    assert "describe" in sheet.caption
    assert [text.get_text() for text in drawing.figure.axes[0].get_yticklabels()] == ["bank4", "m1", "votes"]


def test_without_transfer_everything_says_so(params):
    none = fake.frame_of([{"stage": "pretrain", "steps": 1}])
    costs = cost_rows(none, fake.tables(none)["timings"])
    curves = cost_curves(transfer_means(none), cost_means(costs))
    empty = compare(none, params.compare)
    drawings = [
        accuracy_figure(transfer_means(none)), steps_figure(transfer_means(none)), cost_figure(curves, "macs"),
        forest_figure(empty, 0.005), task_split_figure(empty), ablations_figure(ablations(none, params.compare)),
    ]  # fmt: skip
    assert all(drawing.data.empty for drawing in drawings)
    tables = [
        task_split_table(empty), crossings_table(crossings(costs, params.compare)), transfer_table(transfer_means(none)),
        ablations_table(ablations(none, params.compare)),
    ]  # fmt: skip
    assert all(sheet.rows == () and markdown(sheet) for sheet in tables)


def test_a_whole_report(records, params, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("maskbank.report.compose.write_drawing", lambda *_: {"svg": b"<svg/>"})
    records = records[records.method.isin([*fake.RIVALS, "oracle"])].reset_index(drop=True)
    tables = fake.tables(records) | {"timings": fake.study_timings(records)}
    write_tables(tables, tmp_path)
    facts = Facts(records, tables["metrics"], tables["timings"], params, "hash")
    write_comparison(facts, tmp_path)
    read = read_comparisons(tmp_path / "comparisons.csv")
    assert set(read.shots) == {"all", "5"}
    assert not read.missing.isna().any()
    write_report(params, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "<td>fashion mnist, resnet20, uniform, 5 images a class, kept 0.1</td>" in page
    assert "Not compared: kmnist, resnet20, uniform: oracle: no rows in this setting." in page
    for title in ("Total cost at which SMSP passes", "Ablations", "Accuracy against total cost in CPU seconds"):
        assert f"<h3>{title}</h3>" in page
