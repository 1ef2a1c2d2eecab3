"""Figures at every venue: as wide as it prints, nothing cut off, fonts embedded, and a caption of one line."""

import re
from pathlib import Path

import pytest
from maskbank.report.frames import fitted, text_width

from maskbank.config import Report
from maskbank.report.style import Drawing, house_style, lay_out, rendered
from maskbank.report.venues import PAGE, VENUES, Venue
from tests.report import fake_whole

WIDTHS = {"neurips": (5.5, None), "icml": (6.75, 3.25), "iclr": (5.5, None), "cvpr": (6.875, 3.25), "tmlr": (6.5, None)}
NAMES = {
    "accuracy_by_budget", "accuracy_by_steps", "accuracy_by_cost", "accuracy_by_seconds", "claims", "board", "ranks", "matrix",
    "profiles", "recipes", "recipe_forest", "sharpness_drop", "generalization", "recipe_costs", "landscape_line", "landscape",
    "sparse_training", "sparse_costs", "sparse_timeline", "sparse_live", "sparse_density", "robustness", "forest",
    "improvement", "by_task_split", "ablations", "similarity", "bank_heatmap", "reliability",
}  # fmt: skip
FRAMES = ("forest", "landscape_line", "bank_heatmap", "sparse_timeline", "sparse_density")  # one of each layout
SMALL = {"landscape_line", "sparse_training", "ablations"}  # of one panel in these records
NARROW, TWO_COLUMNS = VENUES["neurips"], VENUES["icml"]


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Drawing]:
    return fake_whole.drawings(tmp_path_factory.mktemp("reports"), fake_whole.tables())


def test_records_of_every_stage_give_every_figure(drawings):
    assert set(drawings) == NAMES


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_are_those_of_the_venue(name, drawings):
    text, column = WIDTHS[name]
    assert (VENUES[name].text, VENUES[name].column) == (text, column)
    for one in FRAMES:
        width = drawings[one].at(VENUES[name]).get_figwidth()
        assert width == (column if column and one == "landscape_line" else text), one


def test_params_know_every_venue():
    assert {Report(venue=name).venue for name in VENUES} == set(VENUES)
    assert VENUES[Report().venue] == PAGE


@pytest.mark.parametrize("venue", ["neurips", "icml"])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_figure_has_the_width_and_nothing_is_cut_off(name, venue, drawings):
    figure = drawings[name].at(VENUES[venue])
    with house_style(VENUES[venue]):
        lay_out(figure)
        box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert width in WIDTHS[venue]
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01


@pytest.mark.parametrize("name", sorted(SMALL))
def test_small_figures_stand_in_one_column(name, drawings):
    assert drawings[name].at(TWO_COLUMNS).get_figwidth() == 3.25


@pytest.mark.parametrize("name", ["landscape_line", "profiles"])
def test_a_pdf_is_as_wide_as_the_column_and_its_fonts_are_embedded(name, drawings):
    pdf = rendered(drawings[name], TWO_COLUMNS)["pdf"]
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert float(box[0]) == 72 * (3.25 if name == "landscape_line" else 6.75)
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert set(re.findall(rb"/BaseFont /[A-Z]+\+([\w-]+)", pdf)) <= {
        b"STIXGeneral-Regular",
        b"STIXGeneral-Bold",
        b"DejaVuSans",
    }


def test_fonts_are_as_large_as_the_venue_asks(drawings):
    axes = drawings["landscape_line"].at(TWO_COLUMNS).axes[0]
    assert (axes.xaxis.label.get_size(), axes.get_xticklabels()[0].get_size()) == (8, 6)


def test_captions_are_one_line_with_n_interval_and_test(drawings):
    for drawing in drawings.values():
        said = drawing.caption
        assert "\n" not in said
        assert len(said) <= 160, drawing.name
        assert re.search(r"n = \d", said), drawing.name
        assert re.search(r"intervals|no interval", said), drawing.name
        assert re.search(r"no test|t-test|Wilcoxon|the tests? (is|are)", said), drawing.name
        assert "nan" not in said + drawing.notes
        assert drawing.alt
        assert len(drawing.data)


@pytest.mark.parametrize(
    ("venue", "panels", "across"), [(PAGE, 9, 6), (PAGE, 2, 2), (NARROW, 9, 3), (TWO_COLUMNS, 9, 3), (NARROW, 1, 1)]
)
def test_panels_side_by_side(venue, panels, across):
    assert venue.across(panels, 2.05, 6) == across


def test_a_single_panel_goes_into_a_column_where_it_fits():
    assert TWO_COLUMNS.wide(3.0, alone=True) == 3.25
    assert TWO_COLUMNS.wide(6.0, alone=True) == 6.75
    assert TWO_COLUMNS.wide(3.0) == 6.75
    assert Venue().wide(9.0) == 9.0


def test_titles_break_between_words():
    with house_style():
        assert fitted("one two", 9) == "one two"
        assert fitted("one two", 0.1) == "one\ntwo"
        assert fitted("one two\nthree", 9) == "one two\nthree"
        assert text_width("mm", 10) == pytest.approx(2 * text_width("m", 10), rel=0.1)
        assert text_width("", 10) == 0


def test_what_has_no_data_is_not_written_and_what_was_there_goes(tmp_path: Path):
    given = fake_whole.tables()
    given = given | {"records": given["records"][given["records"].stage.isin(["pretrain", "compress"])]}
    for name in ("figures/sparse_live.svg", "tables/transfer.csv", "figures/mine.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = fake_whole.drawings(tmp_path, given)
    assert not {"sparse_live", "accuracy_by_budget", "claims"} & set(found) - {"claims"}
    assert {"recipes", "generalization"} <= set(found)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]
    assert not (tmp_path / "tables/transfer.csv").exists()
    page = (tmp_path / "index.html").read_text()
    assert "figure-sparse_live" not in page
    assert "table-transfer" not in page
    assert "figures/" not in (tmp_path / "sparse_training.md").read_text()
