"""Figures, tables and the page of pretraining recipes: with data, with too little, and without any."""

import re

import numpy as np
import pandas as pd
import pytest

from maskbank.records.schema import NONE
from maskbank.report.figure import Figure, figure, rendered
from maskbank.report.figures.recipes import recipe_curves
from maskbank.report.figures.sharpness_drop import one_form
from maskbank.report.models import model_means
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.print import latex, markdown
from maskbank.report.run import Run
from maskbank.report.studies import Pretraining
from maskbank.report.style import LOOKS, colour, marker
from maskbank.report.table import Table, table
from maskbank.report.words import measure_words, model_words, point_words, status_words, tallied, verdict
from maskbank.statistics.recipes import KINDS
from tests.report import fake
from tests.report.fake_recipes import TRUTH, failed, not_reached, recipes
from tests.report.synthetic import Tables, judged, page_of, run_of

TITLE = "What compression-friendly pretraining buys, measured"
CLAIMS = [
    {
        "id": "snt-flat-vit",
        "judge": "superior",
        "study": "sharpness",
        "says": "Flatter",
        "where": "x, vit",
        "verdict": "inconclusive",
        "reason": "too few",
    },
    {
        "id": "smsp-vit-l2",
        "judge": "superior",
        "study": "transfer",
        "says": "Better",
        "where": "x, vit",
        "verdict": "supported",
        "reason": "better",
    },
]
RULES = [{"id": "B1", "title": "Three pairs", "verdict": "fail", "looked_at": "0 of 3 | pairs"}]
FIGURES = (
    "recipes", "recipe_forest", "sharpness_drop", "generalization", "recipe_costs", "landscape_line", "landscape",
)  # fmt: skip
TABLES = ("recipes", "recipe_contrasts", "areas", "sharpness", "drops")


def given_of(tables: Tables) -> Pretraining:
    return run_of(tables).pretraining


def page_over(tables: Tables, **judged) -> str:
    return page_of("pretraining", run_of(tables, **judged))


def drawings_of(run: Run) -> dict[str, Figure]:
    return {name: figure(name, run) for name in FIGURES}


def tables_of(run: Run) -> dict[str, Table]:
    return {name: table(name, run) for name in TABLES}


@pytest.fixture(scope="module")
def tables() -> Tables:
    given = recipes(
        ("adam", "snt", "sam"), 6, ("resnet20", "vit"), ("steps", "loss"), ("trained", "folded"), landscape=3
    )
    return not_reached(given, "sam", 1)


@pytest.fixture(scope="module")
def run(tables) -> Run:
    return run_of(tables)


@pytest.fixture(scope="module")
def given(run) -> Pretraining:
    return run.pretraining


@pytest.fixture(scope="module")
def page(tables) -> str:
    return page_over(tables, claims=CLAIMS, rules=RULES)


@pytest.fixture(scope="module")
def drawings(run) -> dict[str, Figure]:
    return drawings_of(run)


def titles(drawing: Figure) -> list[str]:
    return [part.get_suptitle() for part in drawing.drawn.subfigs if part.get_suptitle()]


def lines(axes) -> dict[str, np.ndarray]:
    return {line.get_color(): line.get_ydata() for line in axes.lines}


# figures


def test_groups_are_models_in_order_and_none_is_averaged(drawings):
    models = [
        "resnet20, equal steps, as trained", "resnet20, equal steps, folded", "resnet20, matched training loss, as trained",
        "resnet20, matched training loss, folded",
    ]  # fmt: skip
    both = models + [title.replace("resnet20", "vit") for title in models]
    assert titles(drawings["recipes"]) == titles(drawings["recipe_forest"]) == both
    assert titles(drawings["sharpness_drop"]) == [title for title in both if "folded" not in title]
    for name in ("generalization", "recipe_costs", "landscape"):
        assert titles(drawings[name]) == [title.removesuffix(", as trained") for title in both if "folded" not in title]


def test_curves_are_means_over_seeds_from_the_dense_models_on(drawings, tables):
    records = tables["records"]
    own = records[(records.backbone == "vit") & (records.stop == "steps") & (records.recipe == "snt")]
    dense = own[own.stage == "pretrain"].accuracy.mean()
    pruned = own[(own.method == "l1") & (own.pattern == "unstructured") & (own.form == "trained")]
    means = pruned.groupby("budget_asked").accuracy.mean().sort_index(ascending=False)
    part = next(
        part for part in drawings["recipes"].drawn.subfigs if part.get_suptitle() == "vit, equal steps, as trained"
    )
    axes = part.axes[0]
    assert axes.get_title() == "unstructured pruning\nL1"
    assert lines(axes)[colour("snt")].tolist() == pytest.approx([100 * dense, *(100 * means)])
    assert [panel.get_title().replace("\n", " ") for panel in part.axes] == [
        "unstructured pruning L1", "unstructured pruning Wanda", "N:M pruning L1", "structured pruning L1, uniform",
        "weights quantized", "weights and activations quantized",
    ]  # fmt: skip
    assert [tick.get_text() for tick in part.axes[-1].get_xticklabels()] == ["dense", "W8A8", "W6A6", "W4A8"]
    assert [tick.get_text() for tick in part.axes[2].get_xticklabels()] == ["dense", "4:8", "2:4"]


def test_bands_are_t_intervals_over_seeds_without_excluded_models(tables):
    data = recipe_curves(run_of(tables))
    assert data.groupby(["stop", "recipe"]).n.agg(["min", "max"]).values.tolist() == [
        [6, 6], [5, 5], [6, 6], [6, 6], [6, 6], [6, 6],
    ]  # fmt: skip
    first = data.iloc[0]
    assert first.half_width == pytest.approx(2.5706 * first.sd / np.sqrt(6), rel=1e-4)


def test_one_colour_and_marker_a_recipe():
    looks = [LOOKS[name] for name in (*TRUTH, "adamw", "sgd")]
    assert len({tint for tint, _ in looks}) == len(looks)
    assert len({mark for _, mark in looks}) == len(looks)


def test_the_forest_has_the_dense_models_first_and_says_what_is_tested(drawings, given):
    part = drawings["recipe_forest"].drawn.subfigs[0]
    shown = [axes.get_title().split("\n")[0] for axes in part.axes if axes.axison]
    assert shown[:2] == ["before compression", "unstructured pruning"]
    assert len(shown) == 1 + 2 * 3 + 2, "pruning with BN kept and re-estimated"
    first = part.axes[0]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["SNT", "SAM"]
    marks = {line.get_color(): line for line in first.lines if line.get_marker() in ("s", "^")}
    assert marks[colour("snt")].get_markerfacecolor() == colour("snt")
    row = given.contrasts.query(
        "kind == 'dense' and backbone == 'resnet20' and stop == 'steps' and recipe == 'snt'"
    ).iloc[0]
    assert marks[colour("snt")].get_xdata() == pytest.approx([100 * row.difference])
    assert f"{row.p_holm:.3f}" in [text.get_text() for text in first.texts]
    loss = next(part for part in drawings["recipe_forest"].drawn.subfigs if "matched" in part.get_suptitle())
    marks = {line.get_color(): line for line in loss.axes[0].lines if line.get_marker() in ("s", "^")}
    assert marks[colour("sam")].get_markerfacecolor() == "white", "five seeds are left"


def test_the_scatter_shows_every_model_once_and_its_correlation(drawings, given):
    axes = drawings["sharpness_drop"].drawn.subfigs[0].axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines) == 18
    row = given.correlated.query(
        "backbone == 'resnet20' and stop == 'steps' and form == 'trained' and bn == 'reestimated'"
    )
    row = row.query("kind == 'unstructured' and measure == 'hessian_top'").iloc[0]
    assert f"r {row.pooled:+.2f} pooled".replace("-", "−") in axes.get_title()
    assert set(one_form(given.dropped).query("kind == 'weights' and backbone == 'resnet20'").bn) == {"kept"}


def test_captions_say_n_interval_and_test(drawings):
    for drawing in drawings.values():
        assert re.search(r"n = \d", drawing.caption), drawing.name
        assert re.search(r"interval", drawing.caption), drawing.name
        assert re.search(r"[Nn]o test|t-test", drawing.caption), drawing.name
        assert "nan" not in drawing.caption
        assert drawing.alt
        assert len(drawing.data)


def test_landscapes_have_a_line_and_a_panel_a_recipe(drawings):
    assert len(drawings["landscape_line"].drawn.subfigs[0].axes[0].lines) == 3
    panels = [axes.get_title() for axes in drawings["landscape"].drawn.subfigs[0].axes if axes.get_title()]
    assert panels == ["Adam", "SNT", "SAM"]


@pytest.mark.parametrize("name", ["recipes", "recipe_forest", "landscape"])
def test_the_same_records_give_the_same_bytes(name):
    small = recipes(("adam", "snt"), 2, landscape=3)
    mixed = small | {"records": small["records"].sample(frac=1, random_state=0)}
    files = [rendered(figure(name, run_of(each))) for each in (small, mixed)]
    assert files[0] == files[1]


def nothing() -> Tables:
    return fake.tables(fake.frame_of([{"stage": "transfer"}]))


@pytest.mark.parametrize("name", ["nothing", "empty", "adam alone", "no accuracy"])
def test_without_recipes_every_figure_and_table_still_appears(name):
    alone, both = recipes(("adam",), 2), recipes(("adam", "snt"), 2)
    tables = {
        "nothing": nothing(), "empty": fake.tables(fake.frame_of([])), "adam alone": alone,
        "no accuracy": failed(both, both["records"].seed >= 0),
    }[name]  # fmt: skip
    run = run_of(tables)
    for drawing in drawings_of(run).values():
        drawing.drawn.draw_without_rendering()
        assert drawing.data.empty or name == "adam alone", drawing.name
    for shown_table in tables_of(run).values():
        assert "nan" not in markdown(shown_table)
        assert (
            shown_table.name in ("recipes",)
            or not any("SNT" in cell.text for row in shown_table.rows for cell in row)
            or name == "no accuracy"
        )
    text = page_of("pretraining", run)
    assert text.startswith(f"# {TITLE}")
    assert "nan" not in text
    if name != "no accuracy":
        assert "nothing to tell" in text


def test_one_seed_shows_a_difference_and_no_interval():
    tables = recipes(("adam", "snt"), 1)
    run = run_of(tables)
    found = run.pretraining
    assert found.contrasts.ci_low.isna().all()
    for drawing in drawings_of(run).values():
        drawing.drawn.draw_without_rendering()
    shown_table = table("recipe_contrasts", run)
    assert {row[10].text for row in shown_table.rows} == {"underpowered"}
    assert {row[5].text for row in shown_table.rows} == {"–"}
    assert "test nothing" in page_of("pretraining", run)


# tables


def test_tables_by_hand(run, given):
    found = tables_of(run)
    rows = {(row[0].text, row[1].text): [cell.text for cell in row] for row in found["recipes"].rows}
    own = given.models.query("backbone == 'vit' and stop == 'steps' and recipe == 'sam'")
    mean, sd = 100 * own.accuracy.mean(), 100 * own.accuracy.std()
    assert rows["vit, equal steps", "SAM"][2] == f"{mean:.1f} ± {sd:.1f}"
    assert rows["vit, equal steps", "SAM"][6] == "2.00"
    assert rows["vit, equal steps", "Adam"][6:9] == ["1", "1", "1"]
    assert rows["vit, matched training loss", "SAM"][9] == "5 1 excluded"
    assert found["recipes"].rows[0][0].text == "resnet20, equal steps"


@pytest.mark.parametrize("name", TABLES)
def test_rows_fit_their_heads_and_nothing_is_nan(run, name):
    shown_table = table(name, run)
    assert shown_table.rows
    assert all(len(row) == len(shown_table.head) for row in shown_table.rows)
    assert "nan" not in markdown(shown_table).lower()
    assert r"\toprule" in latex(shown_table)


def test_failed_cells_are_counted_and_refuse_the_test():
    whole = recipes(("adam", "snt"), 6)
    records = whole["records"]
    lost = failed(whole, (records.stage == "compress") & (records.seed == 2) & (records.recipe == "snt"))
    shown_table = table("recipe_contrasts", run_of(lost))
    texts = {row[1].text: (row[10].text, row[11].text) for row in shown_table.rows}
    assert texts["N:M pruning"] == ("incomplete, not tested", "incomplete: seed 2 incomplete")
    assert texts["before compression"][1] == "tested"
    pre = failed(whole, (records.stage == "pretrain") & (records.seed == 2) & (records.recipe == "snt"))
    assert any("✗1" in row[-1].text for row in table("recipes", run_of(pre)).rows)


def test_means_leave_excluded_models_out(given):
    means = model_means(given.models).query("recipe == 'sam' and measure == 'accuracy'").set_index(["backbone", "stop"])
    assert means.n.to_dict() == {
        (model, stop): 5 if stop == "loss" else 6 for model in ("resnet20", "vit") for stop in ("steps", "loss")
    }
    assert means.excluded.sum() == 2


# words


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "higher"), ({"difference": -0.02}, "lower"), ({"p_holm": 0.06}, "no difference shown"),
        ({"p_holm": 0.06, "equivalent": True}, "equivalent"),
        ({"status": "too few to test", "p_holm": np.nan}, "underpowered"),
        ({"status": "incomplete", "p_holm": np.nan}, "incomplete, not tested"),
    ],
)  # fmt: skip
def test_verdicts_are_made_by_rule(values, expected):
    row = {"status": "tested", "p_holm": 0.01, "difference": 0.02, "equivalent": False} | values
    assert verdict(judged(row)) == expected
    assert verdict(judged(row), "sharper", "flatter") == {"higher": "sharper", "lower": "flatter"}.get(
        expected, expected
    )


def test_words():
    assert in_recipe_order(["zoo", "sam", "adam", "snt"]) == ["adam", "snt", "sam", "zoo"]
    model = {"backbone": "vit", "stop": "loss", "form": "folded", "bn": NONE, "dataset": "kmnist_49"}
    assert model_words(model) == "vit, matched training loss, folded"
    assert model_words({"backbone": "vit", "bn": "kept"}) == "vit, BN kept"
    assert model_words(model, dataset=True).startswith("kmnist 49, vit")
    assert measure_words("sharpness_adaptive rho 0.5") == "adaptive sharpness, rho 0.5"
    point = {"budget_kind": "weights", "kind": "unstructured", "method": "l1", "budget_asked": 0.1, "activations": NONE}
    assert point_words(point) == "L1 90 % removed"
    assert point_words(point | {"budget_kind": "bits", "budget_asked": 4.0, "activations": "8"}) == "W4A8"
    assert point_words(point | {"kind": "n:m", "pattern": "2:4"}) == "L1 2:4"
    assert status_words({"status": "incomplete", "missing": "seed 1 incomplete", "excluded": 2}) == (
        "incomplete: seed 1 incomplete; 2 seeds excluded"
    )
    frame = pd.DataFrame({"backbone": ["b", "a", "a"], "stop": ["steps", "loss", "steps"]}, index=[7, 8, 9])
    assert in_model_order(frame).index.tolist() == [9, 8, 7]
    assert tallied([]) == "not measured"
    assert marker("snt") == "s"


# page


def test_sections_are_there_in_order(page):
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "Setting", "SNT against Adam, in short", "After compression", "Area under accuracy against sparsity",
        "Before compression", "Flatness", "Does flatness go with what compression costs", "Cost", "The paper's claims",
        "What this does not show",
    ]  # fmt: skip


def test_every_table_is_a_table_and_nothing_is_nan(page):
    assert "nan" not in page.lower()
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_page_says_what_the_tests_say(page, given):
    row = given.contrasts.query("level == 'mean' and recipe == 'snt' and kind == 'dense' and stop == 'steps'").iloc[0]
    line = f"before compression | SNT | {100 * row.difference:+.1f} |"
    assert line not in page, "dense models have a section of their own"
    rows = given.contrasts.query("level == 'mean' and recipe == 'snt' and kind == 'n:m'").to_dict("records")
    assert f"- SNT − Adam, N:M pruning: {tallied(rows)}." in page
    assert "6 seeds" in page
    assert "underpowered" in page
    assert "**inconclusive**" in page
    assert "smsp-vit-l2" not in page
    assert "| B1 | Three pairs | 0 of 3 / pairs |" in page
    assert "| models that did not reach the matched loss | 2 of 36 |" in page
    assert "excluded on both sides" in page


def test_six_seeds_and_more_pass_a_correction_over_five_kinds(given):
    rows = given.contrasts.query("level == 'mean' and kind != 'dense' and stop == 'steps'")
    assert {verdict(row) for row in rows.to_dict("records")} == {"higher"}
    more = given_of(recipes(("adam", "snt"), 9))
    rows = more.contrasts.query("level == 'mean' and kind != 'dense'")
    assert {verdict(row) for row in rows.to_dict("records")} == {"higher"}


def test_the_order_of_rows_does_not_change_the_page(tables, page):
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    assert page_over(mixed, claims=CLAIMS, rules=RULES) == page


def test_the_whole_report_shows_recipes(report):
    page = (report / "index.html").read_text()
    for title in (
        "Recipes against Adam after compression",
        "Sharpness of the minima",
        "Accuracy after compression, by recipe",
    ):
        assert f"<h3>{title}</h3>" in page
    assert "percent of Adam" in page
    assert (report / "pretraining.md").read_text().count("\n## ") == 10
    assert set(pd.read_csv(report / "tables/recipe_contrasts.csv").kind) <= set(KINDS)
