"""Tables and figures of transfer in full: settings apart, costs, task splits and ablations."""

from pathlib import Path

import pandas as pd
import pytest

from maskbank.config import Params
from maskbank.report.compose import write_report
from maskbank.report.facets import legend_shape
from maskbank.report.figure import Figure, figure
from maskbank.report.panels import line_look, round_costs, short
from maskbank.report.print import markdown
from maskbank.report.run import Run
from maskbank.report.style import house_style, label
from maskbank.report.table import table
from maskbank.report.tables.crossings import where
from maskbank.report.words import setting_title
from maskbank.statistics.comparisons import comparisons
from maskbank.statistics.contrasts import read_contrasts
from tests.report import fake
from tests.report.synthetic import SVG, compared, records_run, run_of

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
def run(records, params) -> Run:
    tables = fake.tables(records) | {"timings": fake.study_timings(records)}
    return run_of(tables, params)


@pytest.fixture(scope="module")
def means(run) -> pd.DataFrame:
    return run.transfer


def lines_of(drawing: Figure) -> list[str]:
    """Titles of the lines of panels."""
    return [part.get_suptitle() for part in drawing.drawn.subfigs if part.get_suptitle()]


def test_each_setting_is_a_line_of_panels_of_its_own(run):
    by_budget, by_steps = figure("accuracy_by_budget", run), figure("accuracy_by_steps", run)
    assert lines_of(by_budget) == lines_of(by_steps) == TITLES
    titles = [[axes.get_title() for axes in part.axes if axes.axison] for part in by_budget.drawn.subfigs[:-1]]
    assert titles == [["T = 0", "T = 10", "T = 30"]] * 7
    titles = [[axes.get_title() for axes in part.axes if axes.axison] for part in by_steps.drawn.subfigs[:-1]]
    assert titles[:3] == [["keep 0.1", "keep 0.2"], ["keep 0.05", "keep 0.1", "keep 0.2"], ["keep 0.1"]]


def test_curves_are_the_means(run, means):
    axes = figure("accuracy_by_steps", run).drawn.subfigs[1].axes[1]
    (line,) = [line for line in axes.lines if line.get_color() == line_look("smsp", "method")["color"]]
    rows = means[(means.allocation == "uniform") & (means.budget_asked == 0.1) & (means.method == "smsp")]
    rows = rows[(rows.tuning == "default") & (rows.shots == "all") & (rows.dataset == "fashion_mnist")]
    assert line.get_xdata().tolist() == [0, 10, 30]
    assert line.get_ydata() == pytest.approx(100 * rows.sort_values("steps").accuracy.to_numpy())


def test_one_legend_names_every_method_once(run):
    (legend,) = figure("accuracy_by_budget", run).drawn.subfigs[-1].legends
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


def test_transfer_table_keeps_settings_apart(run):
    found = table("transfer", run)
    assert list(dict.fromkeys(row[0].text for row in found.rows)) == TITLES
    oracle = next(row for row in found.rows if row[0].text == TITLES[1] and row[2].text.startswith("oracle"))
    assert [bool(cell.text) for cell in oracle[3:6]] == [False, True, False], "at 10 % kept alone"


def test_forest_panels_side_by_side_have_the_same_rivals(run):
    drawing = figure("forest", run)
    shown = [axes for axes in drawing.drawn.axes if axes.axison]
    assert [axes.get_title().replace("\n", " ") for axes in shown] == TITLES
    assert [text.get_text() for text in shown[0].get_yticklabels()] == ["L2", "Taylor", "oracle (target's own mask)"]
    assert [text.get_text() for text in shown[2].get_yticklabels()] == ["L2", "Taylor"]


def test_foreign_tasks_stand_beside_those_of_the_banks_data_set(run):
    found = table("by_task_split", run)
    assert found.head == ("setting", "against", "role", "held out", "unseen", "foreign")
    l2 = next(row for row in found.rows if row[0].text == "resnet20, uniform" and row[1].text == "L2")
    assert all("n 4, too few" in cell.text for cell in l2[3:])
    oracle = next(row for row in found.rows if row[1].text.startswith("oracle"))
    assert oracle[5].text == ""
    drawing = figure("by_task_split", run)
    assert [text.get_text() for text in drawing.drawn.subfigs[-1].legends[0].get_texts()] == [
        "held out",
        "unseen",
        "foreign",
    ]
    assert "4/4/4" in [text.get_text() for text in drawing.drawn.axes[0].texts]


def test_cost_figures_have_a_curve_a_method(run, means):
    assert len(run.cost_curves) == len(means)
    for name, scale in (("accuracy_by_cost", 1.0), ("accuracy_by_seconds", 1e-10)):
        drawing = figure(name, run)
        assert lines_of(drawing) == TITLES
        axes = drawing.drawn.subfigs[1].axes[1]
        (line,) = [line for line in axes.lines if line.get_color() == line_look("smsp", "method")["color"]]
        assert line.get_xdata() == pytest.approx([4e9 * scale, 8e9 * scale, 16e9 * scale])


def test_seconds_that_are_not_known_leave_an_empty_figure(records, params):
    unknown = fake.study_timings(records).assign(selection_seconds=float("nan"))
    run = run_of(fake.tables(records) | {"timings": unknown}, params)
    assert lines_of(figure("accuracy_by_seconds", run)) == []
    assert lines_of(figure("accuracy_by_cost", run)) == TITLES


def test_crossings_in_words(run):
    found = table("crossings", run)
    assert found.head[4:6] == ("above, by MACs", "above, by CPU seconds")
    assert all(len(row) == len(found.head) for row in found.rows)
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


def test_ablations_as_table_and_figure(run):
    found, drawing = table("ablations", run), figure("ablations", run)
    assert [row[2].text for row in found.rows] == ["bank4", "m1", "votes"]
    assert found.rows[0][3].text == "amp4, not amp"
    assert "describe" in found.caption
    assert [text.get_text() for text in drawing.drawn.axes[0].get_yticklabels()] == ["bank4", "m1", "votes"]


def test_without_transfer_everything_says_so(params):
    none = records_run(fake.frame_of([{"stage": "pretrain", "steps": 1}]), params)
    names = ("accuracy_by_budget", "accuracy_by_steps", "accuracy_by_cost", "forest", "by_task_split", "ablations")
    assert all(figure(name, none).data.empty for name in names)
    tables = [table(name, none) for name in ("by_task_split", "crossings", "transfer", "ablations")]
    assert all(each.rows == () and markdown(each) for each in tables)


def test_the_page_of_a_study(records, params, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("maskbank.report.compose.write_figure", lambda *_: SVG)
    records = records[records.method.isin([*fake.RIVALS, "oracle"])].reset_index(drop=True)
    compared(tmp_path, fake.tables(records) | {"timings": fake.study_timings(records)}, params)
    read = comparisons(read_contrasts(tmp_path))
    assert set(read.shots) == {"all", "5"}
    assert not read.missing.isna().any()
    write_report(params, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "<td>fashion mnist, resnet20, uniform, 5 images a class, kept 0.1</td>" in page
    assert "Not compared: kmnist, resnet20, uniform: oracle: no rows in this setting." in page
    for title in ("Total cost at which SMSP passes", "Ablations", "Accuracy against total cost in CPU seconds"):
        assert f"<h3>{title}</h3>" in page
