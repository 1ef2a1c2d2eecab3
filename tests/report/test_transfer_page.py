"""The page of one-shot transfer: verdicts by rule, numbers from the tables, and parts that are missing said to be so."""

import re

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Params
from maskbank.report.contrasts import contrasts, flipped, rows_of
from maskbank.report.markdown import page as page_with
from maskbank.report.run import Run
from maskbank.report.words import counted, points, tallied, verdict
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, NOT_RUN, TESTED
from maskbank.statistics.contrasts import of_study
from maskbank.statistics.holm import holm
from maskbank.statistics.studies.transfer import HEADLINE
from maskbank.statistics.transfer import SETTING
from tests.report import fake
from tests.report.fake_relations import everything
from tests.report.synthetic import judged, page_of, run_of

AGAINST = ["universal", "random", "l2", "taylor", "dense"]
PARAMS = Params.model_validate({"compare": {"resamples": 200, "against": AGAINST}})
RULES = [
    {"id": "B1", "title": "Three pairs", "verdict": "fail", "looked_at": "0 of 3 | pairs"},
    {"id": "B2", "title": "Costs", "verdict": "pass", "looked_at": "counted"},
]
CLAIMS = [
    {
        "study": "transfer",
        "id": "smsp-resnet20-l2",
        "contrast": "smsp minus l2",
        "verdict": "inconclusive",
        "reason": "B1 fails",
    },
    {"study": "compression", "id": "snt-l1", "contrast": "snt minus adam", "verdict": "supported", "reason": "better"},
]


TITLE = "What one-shot transfer buys, measured"


def given_of(records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame) -> Run:
    tables = fake.tables(records) | {"metrics": metrics, "timings": timings}
    return run_of(tables, PARAMS, claims=CLAIMS, rules=RULES)


def page_over(*tables: pd.DataFrame) -> str:
    return page_of("one_shot_transfer", given_of(*tables))


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return everything(10)


@pytest.fixture(scope="module")
def given(tables) -> Run:
    return given_of(*tables)


@pytest.fixture(scope="module")
def page(given) -> str:
    return page_of("one_shot_transfer", given)


def part(page: str, title: str) -> str:
    """One section of the page."""
    return page.split(f"## {title}\n")[1].split("\n## ")[0]


def row(**values: object) -> dict[str, object]:
    plain = {"status": TESTED, "p_holm": 0.01, "difference": 0.02, "equivalent": False}
    return judged(plain | values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "higher"),
        ({"difference": -0.02}, "lower"),
        ({"p_holm": 0.05}, "higher"),
        ({"p_holm": 0.06}, "no difference shown"),
        ({"p_holm": 0.06, "equivalent": True}, "equivalent"),
        ({"difference": 0.001, "equivalent": True}, "higher, within the margin"),
        ({"p_holm": np.nan, "status": INSUFFICIENT}, "underpowered"),
        ({"p_holm": np.nan, "status": INCOMPLETE}, "incomplete, not tested"),
        ({"p_holm": np.nan, "status": NOT_RUN}, "not run"),
    ],
)
def test_verdicts_are_made_by_rule(values, expected):
    assert verdict(row(**values)) == expected


def test_a_contrast_the_other_way_round():
    given = row(method="a", rival="b", ci_low=0.01, ci_high=0.04)
    found = flipped(given)
    assert (found["method"], found["rival"], found["difference"]) == ("b", "a", -0.02)
    assert (found["ci_low"], found["ci_high"]) == (-0.04, -0.01)
    assert flipped(found) == given


def test_verdicts_are_counted():
    assert counted(["higher"], "setting") == "higher in the one setting"
    assert counted(["higher"] * 2, "setting") == "higher in both settings"
    assert counted(["higher"] * 3, "bank") == "higher in all 3 banks"
    assert counted(["lower", "higher", "higher"], "setting") == "higher in 2 of 3 settings, lower in 1"
    two = [row(), row(difference=-0.005, p_holm=0.5)]
    assert tallied(two) == "−0.5 to +2.0 points; higher in 1 of 2 settings, no difference shown in 1"


def test_contrasts_come_from_the_headlines_or_are_a_family_of_their_own(given):
    heads = rows_of(given.contrasts, "transfer", HEADLINE)
    asked = [("smsp", "taylor"), ("dense", "smsp"), ("nearest", "farthest"), ("smsp", "shuffled"), ("smsp", "mvp")]
    found = contrasts(given.contrasts, asked)
    assert [str(each) for each in heads if each["rival"] == "taylor"] == [str(each) for each in found["smsp", "taylor"]]
    assert all(each["difference"] > 0 and not each["alone"] for each in found["dense", "smsp"])
    assert found["smsp", "mvp"] == []
    own = [each for each in found["nearest", "farthest"] if each["dataset"] == "fashion_mnist"]
    assert [each["allocation"] for each in own] == ["global_macs", "uniform"]
    controls = of_study(given.contrasts, "controls")
    assert {("nearest", "farthest"), ("smsp", "shuffled")} <= set(zip(controls.arm, controls.baseline, strict=True))
    for _, family in controls.groupby([*SETTING]):
        np.testing.assert_array_equal(family.p_holm, holm(family.p))
    for each in own:
        assert each["alone"]
        assert each["budgets"] == "0.1"


def test_variants_are_corrected_inside_a_setting(given):
    rows = [each for each in rows_of(given.contrasts, "ablation") if each["dataset"] == "fashion_mnist"]
    assert [each["variant"] for each in rows] == ["m1", "m8"]
    assert [each["p_holm"] for each in rows] == list(holm([each["p"] for each in rows]))
    assert verdict(rows[0]) == "lower"


def test_sections_are_there_in_order(page):
    assert page.startswith(f"# {TITLE}\n")
    assert re.findall(r"^## (.*)", page, re.M) == [
        "Setting", "SMSP against each rival and control", "What similarity is worth",
        "What the identity of units is worth beside layer widths", "What pretrained weights are worth", "The ceiling",
        "Held-out, unseen and foreign tasks apart", "What it costs", "How good the bank is", "Ablations",
        "What this does not show",
    ]  # fmt: skip


def test_every_table_is_a_table_and_nothing_is_nan(page):
    assert "nan" not in page.lower()
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1, block
    assert "0 of 3 / pairs" in page, "a bar inside a cell would end it"


def test_headlines_are_those_of_the_comparisons(given, page):
    text = part(page, "SMSP against each rival and control")
    heads = given.comparisons[(given.comparisons.kind == "headline") & (given.comparisons.role != "reference")]
    own = heads[heads.dataset == "fashion_mnist"]
    assert len(re.findall(r"^\| fashion mnist", text, re.M)) == len(own) == 8
    for each in own.itertuples():
        assert f"| {points(each.difference, signed=True)} | {points(each.ci_low, True)} to" in text
    assert "kmnist" not in text, "foreign tasks stand apart"
    assert "smsp-resnet20-l2" in text
    assert "snt-l1" not in text


def test_who_wins_is_said_whoever_it_is(page):
    text = part(page, "SMSP against each rival and control")
    assert "In every setting SMSP is shown higher than: L2, random units." in text
    assert "In every setting it is shown lower than: Taylor." in text
    assert "Neither holds in every setting for: universal (whole bank)." in text


def test_one_allocation_is_no_headline(tables):
    records, metrics, timings = tables
    page = page_over(records[records.allocation != "global_macs"], metrics, timings)
    assert "Only one allocation was run (uniform), and a headline needs two." in page


def test_kinds_of_tasks_stand_apart(page):
    text = part(page, "Held-out, unseen and foreign tasks apart")
    assert "| setting | SMSP minus | held-out | unseen | foreign: kmnist |" in text
    assert len(re.findall(r"^\| resnet20", text, re.M)) == 2 * 4
    assert "n 5: underpowered" in text
    assert "n 2: underpowered" in text
    assert "Not run" not in text


def test_costs_are_means_over_cells(page):
    text = part(page, "What it costs")
    assert "at 0.1 kept" in text
    assert "| fashion mnist, resnet20 | SMSP | 4e8 | 0.41 | 1e9 | 0.4 | 0 | 20.0 % | 40 |" in text
    assert "| fashion_mnist, resnet20, bank amp10 | 8 | 4.8e9 |" in text


def test_the_bank_is_judged(given, page):
    text = part(page, "How good the bank is")
    assert "Overlap of masks under another seed: above chance in both banks." in text
    assert "LEEP with overlap: positive in both banks." in text
    assert "figures/reliability.png" in text


def test_limits_name_the_rules_that_fail(page):
    text = part(page, "What this does not show")
    assert "| B1 | Three pairs |" in text
    assert "B2" not in text


def missing(name: str, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> Run:
    records, metrics, timings = tables
    transferred = records.stage == "transfer"
    kept = {
        "relate": records.stage != "relate",
        "prune": records.stage != "prune",
        "controls": ~(transferred & (records.role == "control")),
        "variants": records.variant == "default",
        "foreign": records.task_split != "foreign",
        "reference": records.role != "reference",
        "smsp": ~(transferred & (records.method == "smsp")),
        "splits": ~transferred | records.split.isin(["s0", "s1"]),
        "pruned": ~transferred | (records.role == "reference"),
        "transfer": ~transferred,
    }[name]
    return given_of(records[kept].reset_index(drop=True), metrics, timings)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("relate", "The stage relate did not run, so what similarity is related to is not known."),
        ("prune", "Overlap of masks under another seed: no cell of the stage prune says how its masks repeat."),
        ("controls", "not measured; SMSP and random neighbours were not both run."),
        ("variants", "No variant of a method was run."),
        ("foreign", "Not run: foreign."),
        ("reference", "Not compared, as it was not run: dense."),
        ("smsp", "No contrast was measured."),
        ("splits", "underpowered in both settings"),
        ("pruned", "No pruned cell is in the records."),
        ("transfer", "The records hold no transfer cells, so there is nothing to tell."),
    ],
)
def test_what_is_missing_is_said(name, said, tables):
    page = page_of("one_shot_transfer", missing(name, tables))
    assert said in page
    assert "nan" not in page.lower()


def test_failed_cells_are_counted_and_refuse_the_test(tables):
    records, metrics, timings = tables
    hit = (records.stage == "transfer") & (records.method == "l2") & (records.split == "s1") & (records.task == "t0")
    failed = records.assign(status=records.status.mask(hit, "failed"), accuracy=records.accuracy.mask(hit))
    page = page_over(failed, metrics, timings)
    assert "incomplete, not tested in both settings" in page
    assert f"| cells that did not end ok | {failed[hit].cell_key.nunique()} of" in page


def test_the_page_does_not_depend_on_the_order_of_rows(tables, page):
    records, metrics, timings = (table.sample(frac=1, random_state=1) for table in tables)
    assert page_over(records, metrics, timings) == page


def test_seconds_of_several_machines_are_marked(tables):
    records, metrics, timings = tables
    page = page_over(records, metrics, timings.assign(machine_class=np.where(timings.index % 2, "a", "b")))
    assert "Seconds come from 2 machine classes and do not compare." in page


def test_pictures_and_links_are_of_what_was_written(given):
    shown = {"forest": "Forest plot of differences"}
    page = page_with("one_shot_transfer", given, shown, {"crossings"})
    assert re.findall(r"!\[([^]]*)\]\(([^)]*)\)", page) == [("Forest plot of differences", "figures/forest.png")]
    assert "as cost grows: [tables/crossings.md](tables/crossings.md)." in page
    without = page_with("one_shot_transfer", given, {}, ())
    assert "as cost grows: tables/crossings.md (no rows)." in without
    assert "](" not in without
