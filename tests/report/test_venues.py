"""Figures at every venue: as wide as it prints, nothing cut off, fonts embedded, and a caption of one line."""

import re
from pathlib import Path

import pytest

from maskbank.config import Report
from maskbank.report import compose, marks
from maskbank.report.compose import write_report
from maskbank.report.facets import fitted, text_width
from maskbank.report.figure import FIGURES, Figure, lay_out, rendered
from maskbank.report.style import house_style
from maskbank.report.table import TABLES
from maskbank.report.venues import PAGE, VENUES, Venue
from tests.report import synthetic

WIDTHS = {"neurips": (5.5, None), "icml": (6.75, 3.25), "iclr": (5.5, None), "cvpr": (6.875, 3.25), "tmlr": (6.5, None)}
NARROW, TWO_COLUMNS = VENUES["neurips"], VENUES["icml"]


def kind(name: str) -> tuple[str, ...]:
    """The marks that a figure is made of, and whether it has a frame of its own: figures of one kind are laid out alike."""
    known = vars(FIGURES.module(name))
    found = sorted(each for each, value in known.items() if getattr(value, "__module__", "") == marks.__name__)
    return (
        *found,
        *(each for each in ("facets", "forest", "transfer_grid", "cost_grid", "recipe_panels") if each in known),
    )


KINDS = {kind(name): name for name in FIGURES.names()}  # one figure a kind


def panels(figure: Figure) -> int:
    return sum(axes.axison for axes in figure.drawn.axes)


def test_records_of_every_stage_give_every_table_and_figure(drawn, shown):
    assert [name for name in FIGURES.names() if drawn[name].data.empty] == []
    assert [name for name in TABLES.names() if not shown[name].rows] == []


@pytest.mark.parametrize("registry", [FIGURES, TABLES], ids=["figures", "tables"])
def test_every_file_says_where_it_stands(registry):
    places = [registry.constant(name, "ORDER") for name in registry.names()]
    assert all(isinstance(place, int) for place in places)
    assert len(set(places)) == len(places)
    assert all(registry.summary(name).endswith(".") for name in registry.names())


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_are_those_of_the_venue(name):
    assert (VENUES[name].text, VENUES[name].column) == WIDTHS[name]


def test_params_know_every_venue():
    assert {Report(venue=name).venue for name in VENUES} == set(VENUES)
    assert VENUES[Report().venue] == PAGE


@pytest.mark.parametrize("venue", ["neurips", "icml"])
@pytest.mark.parametrize("name", sorted(KINDS.values()))
def test_a_figure_of_each_kind_has_the_width_and_nothing_is_cut_off(name, venue, drawn):
    figure = drawn[name].at(VENUES[venue])
    with house_style(VENUES[venue]):
        lay_out(figure)
        box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    text, column = WIDTHS[venue]
    assert width == text or (width == column and panels(drawn[name]) == 1)
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01


@pytest.mark.parametrize("name", ["landscape_line", "profiles"])
def test_a_pdf_is_as_wide_as_the_column_and_its_fonts_are_embedded(name, drawn):
    pdf = rendered(drawn[name], TWO_COLUMNS)["pdf"]
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert float(box[0]) == 72 * (3.25 if name == "landscape_line" else 6.75)
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert set(re.findall(rb"/BaseFont /[A-Z]+\+([\w-]+)", pdf)) <= {
        b"STIXGeneral-Regular",
        b"STIXGeneral-Bold",
        b"DejaVuSans",
    }


def test_fonts_are_as_large_as_the_venue_asks(drawn):
    axes = drawn["landscape_line"].at(TWO_COLUMNS).axes[0]
    assert (axes.xaxis.label.get_size(), axes.get_xticklabels()[0].get_size()) == (8, 6)


def test_captions_are_one_line_with_n_interval_and_test(drawn):
    for figure in drawn.values():
        said = figure.caption
        assert "\n" not in said
        assert len(said) <= 160, figure.name
        assert re.search(r"n = \d", said), figure.name
        assert re.search(r"intervals|no interval", said), figure.name
        assert re.search(r"no test|t-test|the tests? (is|are)", said), figure.name
        assert "nan" not in said + figure.notes
        assert figure.alt
        assert len(figure.data)


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


def test_what_has_no_data_is_not_written_and_what_was_there_goes(synthetic_tables, tmp_path: Path, monkeypatch):
    records, found = synthetic_tables["records"], {}
    records = records[records.stage.isin(["pretrain", "compress"])]
    for name in ("figures/sparse_live.svg", "tables/transfer.csv", "figures/mine.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    synthetic.compared(tmp_path, synthetic_tables | {"records": records})
    monkeypatch.setattr(
        compose, "write_figure", lambda figure, *_: found.update({figure.name: figure}) or synthetic.SVG
    )
    write_report(synthetic.PARAMS, tmp_path)
    assert not {"sparse_live", "accuracy_by_budget"} & set(found)
    assert {"recipes", "generalization"} <= set(found)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]
    assert not (tmp_path / "tables/transfer.csv").exists()
    page = (tmp_path / "index.html").read_text()
    assert "figure-sparse_live" not in page
    assert "table-transfer" not in page
    assert "figures/" not in (tmp_path / "sparse_training.md").read_text()
