"""Figures, tables and the page of sparse training: with data, with too little, and without any."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from maskbank.report.end_labels import dark, spread
from maskbank.report.figure import Figure, figure
from maskbank.report.figures.sparse_live import as_steps
from maskbank.report.figures.sparse_timeline import SHOWN
from maskbank.report.figures.sparse_training import panels_of
from maskbank.report.order import in_method_order, layer_order
from maskbank.report.print import latex, markdown
from maskbank.report.run import Run
from maskbank.report.studies import Sparse
from maskbank.report.style import LOOKS, colour, label
from maskbank.report.table import table
from maskbank.report.words import how_words, removed, tallied, task_words, verdict
from tests.report.fake_sparse import IMAGES, SHAPES, TRUTH, failed, only, sparse
from tests.report.synthetic import Tables, judged, page_of, run_of, texts

TITLE = "Sparse training without dense pretraining, measured"
CLAIMS = [
    {
        "id": "gap-dense-c_gap-same-steps-x", "hypothesis": "gap-dense", "judge": "not_worse", "study": "sparse",
        "says": "Matches dense", "contrast": "c_gap minus dense", "where": "x",
        "verdict": "inconclusive", "reason": "too few",
    },
    {"id": "smsp-vit-l2", "hypothesis": "smsp", "judge": "superior", "study": "transfer", "says": "Better",
     "contrast": "-", "where": "x", "verdict": "supported", "reason": "better"},
]  # fmt: skip
RULES = [{"id": "B1", "title": "Three pairs", "verdict": "fail", "looked_at": "0 of 3 | pairs"}]
FIGURES = ("sparse_training", "sparse_costs", "sparse_timeline", "sparse_live", "sparse_density")
TABLES = ("sparse_arms", "sparse_rates", "sparse_contrasts", "sparse_costs")


def given_of(tables: Tables) -> Sparse:
    return run_of(tables).sparse


def page_over(tables: Tables, **judged) -> str:
    return page_of("sparse_training", run_of(tables, **judged))


def drawings_of(tables: Tables) -> dict[str, Figure]:
    run = run_of(tables)
    return {name: figure(name, run) for name in FIGURES}


@pytest.fixture(scope="module")
def tables() -> Tables:
    """All methods on two tasks, three rates of which gmp lacks one at 10 %; p_gap failed with seed 2 at 10 %."""
    whole = sparse(
        tuple(TRUTH), seeds=3, tasks=(IMAGES, SHAPES), setups=("same-steps", "same-macs"), rates=("cosine", "constant")
    )
    frame = whole["records"]
    tenth = frame.budget_asked == 0.1
    whole = only(whole, ~((frame.method == "gmp") & tenth & (frame.schedule == "cosine")))
    frame = whole["records"]
    return failed(
        whole, (frame.method == "p_gap") & (frame.stage == "sparsify") & (frame.budget_asked == 0.1) & (frame.seed == 2)
    )


@pytest.fixture(scope="module")
def run(tables) -> Run:
    return run_of(tables)


@pytest.fixture(scope="module")
def given(run) -> Sparse:
    return run.sparse


@pytest.fixture(scope="module")
def drawings(run) -> dict[str, Figure]:
    return {name: figure(name, run) for name in FIGURES}


@pytest.fixture(scope="module")
def page(tables) -> str:
    return page_over(tables, claims=CLAIMS, rules=RULES)


# figures


def test_groups_are_tasks_and_panels_are_settings(drawings):
    figure = drawings["sparse_training"].drawn
    assert [part.get_suptitle() for part in figure.subfigs] == [
        "fashion mnist, resnet20", "synthetic-shapes, detector, mAP"
    ]  # fmt: skip
    for part, name in zip(figure.subfigs, ("accuracy", "mAP"), strict=True):
        assert [axes.get_title() for axes in part.axes] == ["equal steps", "equal training MACs"]
        assert part.axes[0].get_ylabel() == f"{name} (points)"


def lines(axes: Axes) -> dict[str, np.ndarray]:
    return {str(line.get_color()): line.get_ydata() for line in axes.lines if line.get_linestyle() != "None"}


def test_lines_are_means_of_the_chosen_rate_over_seeds(drawings, tables):
    axes = drawings["sparse_training"].drawn.subfigs[0].axes[0]
    frame = tables["records"]
    own = frame[(frame.stage == "sparsify") & (frame.dataset == "fashion_mnist") & (frame.setup == "same-steps")]
    own = own[(own.method == "c_gap") & (own.schedule == "cosine")]
    means = own.groupby("budget_asked").accuracy.mean()
    drawn = lines(axes)[colour("c_gap")]
    assert sorted(drawn) == pytest.approx(sorted(100 * means))
    dense = frame[(frame.method == "dense") & (frame.schedule == "cosine") & (frame.setup == "same-steps")]
    level = dense[dense.dataset == "fashion_mnist"].accuracy.mean()
    assert lines(axes)[colour("dense")] == pytest.approx([100 * level] * 2)


def test_every_method_is_named_once_beside_its_end_and_names_do_not_overlap(drawings):
    for part in drawings["sparse_training"].drawn.subfigs:
        for axes in part.axes:
            assert sorted(text.get_text() for text in axes.texts) == sorted(label(name) for name in TRUTH)
            places = sorted(text.get_position()[1] for text in axes.texts)
            assert min(high - low for low, high in pairwise(places)) >= 0.055
            assert places[-1] <= 1


def test_one_look_a_method():
    looks = [LOOKS[name] for name in TRUTH]
    assert len(set(looks)) == len(looks)
    assert len({tint for tint, _ in looks}) == len(looks), "no two methods of the family share a colour"


def test_the_timeline_has_a_column_a_method_and_a_map_a_worker(drawings):
    figure = drawings["sparse_timeline"].drawn
    *columns, scale = figure.subfigs
    assert [part.axes[0].get_title() for part in columns] == ["C-GaP", "P-GaP", "GMP", "AC/DC"]
    assert [len(part.axes) for part in columns] == [2, 3, 2, 2]
    assert [axes.get_ylabel() for axes in columns[1].axes] == ["worker 0", "worker 1", ""]
    assert scale.axes[0].get_ylabel() == "density"
    assert figure.get_suptitle() == "fashion mnist, resnet20: equal steps, 90 % removed, seed 0"
    assert set(drawings["sparse_timeline"].data.method) <= set(SHOWN)


def values(axes: Axes) -> np.ndarray:
    return np.asarray(axes.collections[0].get_array(), dtype=float)


def test_the_maps_show_the_densities_of_each_span(drawings):
    gap, parallel, *_ = (part.axes for part in drawings["sparse_timeline"].drawn.subfigs)
    odd, even = [1.0, 0.1, 1.0, 0.1, 0.1], [0.1, 1.0, 0.1, 1.0, 0.1]
    assert values(gap[0]).tolist() == [odd, odd, even, even]
    assert [tick.get_text() for tick in gap[0].get_yticklabels()] == [
        "layer1.conv1", "layer1.conv2", "layer2.conv1", "layer10.fc"
    ]  # fmt: skip
    assert [text.get_text() for text in gap[0].texts] == ["0", "1", "0", "1"]
    assert [text.xy[0] for text in gap[0].texts] == [10, 30, 50, 70]
    own, other = [1.0, 1.0, 0.1], [0.1, 0.1, 0.1]
    assert values(parallel[0]).tolist() == [own, own, other, other]
    assert values(parallel[1]).tolist() == [other, other, own, own]
    assert [line.get_xdata().min() for line in parallel[2].lines] == [42, 2, 2, 22, 22]


def test_live_panels_are_steps_of_the_model_and_of_one_worker(drawings):
    parts = drawings["sparse_live"].drawn.subfigs
    assert [part.get_suptitle() for part in parts] == [
        "fashion mnist, resnet20: equal steps, 90 % removed", "synthetic-shapes, detector: equal steps, 90 % removed"
    ]  # fmt: skip
    panels = {axes.get_title().replace("\n", " "): axes for axes in parts[0].axes if axes.get_title()}
    assert list(panels) == [label(name) for name in in_method_order_of(TRUTH)]
    peaks = {name: axes.texts[0].get_text() for name, axes in panels.items()}
    assert (peaks["C-GaP"], peaks["P-GaP"], peaks["RigL"], peaks["prune from dense"]) == ("80", "80", "18", "100")
    assert len(panels["P-GaP"].lines) == 5 + 1
    pruned = panels["prune from dense"].lines[0]
    assert pruned.get_xdata().tolist() == [0, 50, 50, 100]
    assert pruned.get_ydata() == pytest.approx([100, 100, 100 * 1600 / 8800, 100 * 1600 / 8800])


def in_method_order_of(names: dict[str, tuple[str, float, str]]) -> list[str]:
    return in_method_order(pd.DataFrame({"method": [*names], "role": [role for role, *_ in names.values()]}))


def test_side_by_side_spans_show_the_largest():
    rows = pd.DataFrame({"start": [0, 0, 10], "end": [10, 10, 20], "value": [0.4, 0.8, 0.2]})
    assert as_steps(rows, 20) == ([0, 50, 50, 100], pytest.approx([80, 80, 20, 20]))


def test_costs_stand_at_the_height_of_the_score(drawings, given):
    part = drawings["sparse_costs"].drawn.subfigs[0]
    assert part.get_suptitle() == "fashion mnist, resnet20: equal steps, 90 % removed"
    assert [axes.get_xlabel().replace("\n", " ").partition(" (")[0] for axes in part.axes] == [
        "training MACs", "live parameters at their peak", "sequential steps"
    ]  # fmt: skip
    rows = given.points
    rows = rows[(rows.dataset == "fashion_mnist") & (rows.setup == "same-steps")].set_index("method")
    level = 100 * rows.score["p_gap"]
    for axes, share in zip(part.axes, ("train_share", "peak_share", "sequential_share"), strict=True):
        marks = {str(line.get_color()): line for line in axes.lines if line.get_marker() == LOOKS["p_gap"][1]}
        assert marks[colour("p_gap")].get_xdata().tolist() == [rows[share]["p_gap"]]
        assert marks[colour("p_gap")].get_ydata() == pytest.approx([level])
    assert rows.sequential_share["p_gap"] == 0.6
    assert len(part.axes[-1].texts) == len(TRUTH)


def test_end_densities_have_a_column_a_method(drawings):
    axes = drawings["sparse_density"].drawn.axes[0]
    assert axes.get_title(loc="left") == "fashion mnist, resnet20: equal steps, 90 % removed"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        label(name) for name in in_method_order_of(TRUTH) if name != "dense"
    ]  # fmt: skip
    assert {text.get_text() for text in axes.texts} == {"10"}


NONE = sparse(("dense",), seeds=1)
SMALL = sparse(seeds=2)
ONE_BUDGET = sparse(seeds=2, budgets=(0.5,))


@pytest.mark.parametrize(
    ("tables", "empty"),
    [
        ({name: frame.iloc[:0] for name, frame in NONE.items()}, 5),
        (NONE, 5),
        (failed(SMALL, SMALL["records"].seed >= 0), 5),
        (sparse(seeds=1), 0),
        (ONE_BUDGET, 0),
        (only(SMALL, SMALL["records"].stage != "grow"), 0),
        (only(SMALL, SMALL["records"].method == "c_gap"), 0),
        (SMALL | {"curves": SMALL["curves"].iloc[:0]}, 3),
    ],
    ids=["nothing", "dense alone", "all failed", "one seed", "one budget", "no workers", "c_gap alone", "no curves"],
)  # fmt: skip
def test_with_too_little_everything_says_so_and_nothing_raises(tables, empty):
    run = run_of(tables)
    drawings = {name: figure(name, run) for name in FIGURES}
    without = [name for name, drawing in drawings.items() if drawing.data.empty]
    assert len(without) == empty, without
    for drawing in drawings.values():
        drawing.drawn.draw_without_rendering()
        assert drawing.caption
    for name in TABLES:
        assert markdown(table(name, run)).startswith(f"# {table(name, run).title}")
        assert latex(table(name, run))
    page = page_of("sparse_training", run)
    assert page.startswith(f"# {TITLE}\n")
    assert "nan" not in page.lower()


def test_missing_workers_are_said():
    drawing = figure("sparse_timeline", run_of(only(SMALL, SMALL["records"].stage != "grow")))
    assert drawing.drawn.subfigs[1].axes[0].get_title() == "P-GaP (workers missing)"


def test_without_sparse_arms_there_are_no_panels():
    assert panels_of(figure("sparse_training", run_of(NONE)).data) == []


def test_figures_are_the_same_bytes_for_rows_in_any_order(tables, drawings):
    mixed = drawings_of({name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()})
    for name in ("sparse_timeline", "sparse_live"):
        assert mixed[name].data.to_csv(index=False) == drawings[name].data.to_csv(index=False)


# tables


def test_the_table_of_arms_shows_rate_failures_and_unequal_trials(run):
    shown_table = table("sparse_arms", run)
    assert shown_table.head == ("model", "setting", "method", "0 %", "80 %", "90 %", "n")
    first = {row[2]: row for row in texts(shown_table) if row[:2] == ["fashion mnist, resnet20", "equal steps"]}
    assert re.fullmatch(r"\d+\.\d ± \d\.\d \(cosine\)", first["C-GaP"][4])
    assert first["GMP"][5].endswith("(constant) ‡")
    assert first["P-GaP"][5].endswith("(cosine) ✗1")
    assert first["P-GaP"][6] == "2–3"
    assert first["dense"][3].endswith("(cosine)")
    best = [row[2].text for row in shown_table.rows if row[5].best]
    assert best == ["C-GaP"] * 4, "never dense"


def test_the_table_of_rates_shows_what_was_not_chosen(run):
    shown_table = table("sparse_rates", run)
    assert shown_table.head == ("model", "setting", "removed", "method", "cosine", "constant", "trials")
    rows = [
        row
        for row in shown_table.rows
        if [cell.text for cell in row[:3]] == ["fashion mnist, resnet20", "equal steps", "90 %"]
    ]
    found = {row[3].text: row for row in rows}
    assert [cell.best for cell in found["C-GaP"][4:6]] == [True, False]
    assert re.fullmatch(r"\d+\.\d \(\d+\.\d\)", found["C-GaP"][5].text)
    assert [cell.text for cell in found["GMP"][4:]][::2] == ["", "lacks cosine: unequal trials"]
    assert found["IMP"][6].text == "2 trials"


def test_the_table_of_contrasts_names_what_is_refused(run):
    shown_table = table("sparse_contrasts", run)
    rows = [row for row in texts(shown_table) if row[:3] == ["fashion mnist, resnet20", "equal steps", "90 %"]]
    found = {row[3]: row for row in rows}
    assert found["C-GaP − GMP"][11:] == ["underpowered", "too few to test"]
    assert found["C-GaP − AC/DC*"][11:] == ["underpowered", "too few to test"]
    assert found["C-GaP − P-GaP"][11] == "incomplete, not tested"
    assert list(found)[:1] == ["C-GaP − AC/DC*"]
    assert [name for name in found if "dense" in name and "prune" not in name] == ["C-GaP − dense", "P-GaP − dense"]


def test_the_table_of_costs_lists_bytes_and_sequential_steps(run):
    shown_table = table("sparse_costs", run)
    rows = [row for row in texts(shown_table) if row[:4] == ["fashion mnist, resnet20", "equal steps", "80 %", "P-GaP"]]
    assert rows[0][5:] == [
        "72.7", "0.20", "0.52", "0.00", "0.82", "100", "60", "1.67", "18.0", "40.0", "41.0", "11.2", "3"
    ]  # fmt: skip


def test_words():
    assert task_words({"dataset": "synthetic_text", "backbone": "transformer", "metric": "bleu"}) == (
        "synthetic text, transformer, BLEU"
    )
    assert how_words({"setup": "same-macs", "pattern": "2:4", "allocation": "erk"}) == "equal training MACs, 2:4, erk"
    assert [removed(budget) for budget in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)] == [
        "0 %",
        "50 %",
        "80 %",
        "90 %",
        "95 %",
        "98 %",
    ]
    assert layer_order(["b10.a", "b2.a", "b2.a", "a"]) == ["a", "b2.a", "b10.a"]
    assert dark("imp") != colour("imp")
    assert dark("dense") == colour("dense") == "#000000"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5], [0.5]), ([0.5, 0.5], [0.5, 0.6]), ([0.2, 0.9, 0.1], [0.2, 0.9, 0.1]), ([1.0, 1.0, 0.99], [0.9, 1.0, 0.8]),
        ([0.0, 0.05, 0.3], [0.0, 0.1, 0.3]), ([], []),
    ],
)  # fmt: skip
def test_labels_are_spread_no_further_than_they_must(values, expected):
    assert spread(values, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "higher"), ({"difference": -0.1}, "lower"), ({"p_holm": 0.2}, "no difference shown"),
        ({"p_holm": 0.2, "equivalent": True}, "equivalent"),
        ({"status": "incomplete"}, "incomplete, not tested"),
        ({"status": "no schedule in common"}, "no schedule in common, not tested"),
        ({"status": "too few to test"}, "underpowered"), ({"role": "reference"}, "matches or beats"),
        ({"role": "reference", "not_worse_p": 0.2}, "neither shown"),
        ({"role": "reference", "not_worse_p": 0.9, "worse_p": 0.01}, "below the margin"),
    ],
)  # fmt: skip
def test_verdicts_in_words(changes, said):
    row = {
        "status": "tested", "role": "rival", "p_holm": 0.01, "difference": 0.1, "equivalent": False,
        "not_worse_p": 0.01, "worse_p": 0.99,
    }  # fmt: skip
    assert verdict(judged(row | changes)) == said


# page


def test_sections_are_there_in_order(page):
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "Setting", "Did GaP's claims hold", "Against dense training", "Against other sparse training",
        "Learning-rate schedule", "Cost, memory and size", "Schedules", "The paper's claims", "What this does not show",
    ]  # fmt: skip


def test_every_table_is_a_table_and_nothing_is_nan(page):
    assert "nan" not in page.lower()
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_page_says_what_the_numbers_say(page, given):
    own = given.contrasts[(given.contrasts.method == "c_gap") & (given.contrasts.rival == "imp")]
    assert f"- C-GaP − IMP: {tallied(own.to_dict('records'), 'contrast')}." in page
    assert "- C-GaP: Matches dense: **inconclusive** in the one setting. At 80 % against dense:" in page
    assert "- Unequal trials: GMP, fashion mnist, resnet20, equal steps, 90 %, lacks cosine." in page
    assert "P-GaP takes 1.67 steps for each sequential one." in page
    assert "At 90 % a packed checkpoint has 0.19 of the dense one's bytes." in page
    assert "| tasks other than images | mAP |" in page
    assert "nothing on this page is a test" in page
    assert "smsp-vit-l2" not in page
    assert "| B1 | Three pairs | 0 of 3 / pairs |" in page


def test_the_order_of_rows_does_not_change_the_page(tables, page):
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    assert page_over(mixed, claims=CLAIMS, rules=RULES) == page


def test_the_whole_report_shows_sparse_training(report):
    page = (report / "index.html").read_text()
    for title in ("Sparse training", "Cost of sparse training", "Schedules: which layers are dense when"):
        assert f"<h3>{title}</h3>" in page
    assert 'aria-label="Measured for gap-dense-c_gap-same-steps-fashion_mnist-resnet20"' in page
    assert (report / "sparse_training.md").read_text().count("\n## ") == 9
    assert set(pd.read_csv(report / "tables/sparse_contrasts.csv").method) == {"c_gap", "p_gap"}
