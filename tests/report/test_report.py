"""Reports over whole and broken records."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskbank.report.aggregate import seeded_means, transfer_means
from maskbank.report.compose import write_report
from maskbank.report.embedded import vector
from maskbank.report.figure import FIGURES, figure, rendered
from maskbank.report.page import failures, status_counts
from maskbank.report.print import escaped
from maskbank.report.style import colour
from maskbank.report.table import TABLES, table
from maskbank.report.words import p_text, points
from tests.report import fake
from tests.report.synthetic import PARAMS, built, compared, records_run, without_pdf


def written(folder: Path, frame: pd.DataFrame) -> str:
    """Compare and report; returns the page."""
    write_report(fake.small_params(), compared(folder, fake.tables(frame.reset_index(drop=True)), fake.small_params()))
    return (folder / "index.html").read_text()


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return fake.records(6)


@pytest.fixture(scope="module")
def page(report) -> str:
    return (report / "index.html").read_text()


def test_the_page_stays_small(page):
    assert len(page.encode()) <= fake.LARGEST_PAGE


def test_every_file_is_written(report, compared_files):
    found = {str(path.relative_to(report)) for path in report.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{end}" for name in FIGURES.names() for end in ("pdf", "svg", "png", "csv")}
    tables = {f"tables/{name}.{end}" for name in TABLES.names() for end in ("csv", "md", "tex", "typ")}
    pages = {"claims.md", "index.html", "one_shot_transfer.md", "pretraining.md", "sparse_training.md"}
    assert found - compared_files == figures | tables | pages


@pytest.fixture
def compared_files(compared) -> set[str]:
    return {path.name for path in compared.iterdir()}


@pytest.mark.parametrize(
    ("name", "least"), [("one_shot_transfer.md", 5), ("pretraining.md", 4), ("sparse_training.md", 4)]
)
def test_the_pages_link_to_files_that_are_written(report, name, least):
    links = re.findall(r"\]\(([^)]*)\)", (report / name).read_text())
    assert len(links) >= least
    assert all((report / link).is_file() for link in links)


def without_scripts(page: str) -> str:
    return re.sub(r"(?s)<script.*?</script>|<img\b(?:[^>\"]|\"[^\"]*\")*>", "", page)


def test_the_page_needs_no_network(page):
    page = without_scripts(page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_shows_structured_pruning_and_its_claims(page):
    assert page.count("<h3>Robustness of structured pruning</h3>") == 2, "a table and a figure"
    for name in ("size", "robustness", "rivals-l1", "rivals-random"):
        assert f'aria-label="Measured for paoding-{name}-resnet20"' in page
    assert '<th scope="col" class="number">share kept</th>' in page
    assert '<th scope="col" class="number">size cut</th>' in page
    assert "<td>adam, units, uniform, merge, BN kept: 20 % removed, no attack</td>" in page
    assert "50 % of units removed cut 81.5 %" in page


class Links(HTMLParser):
    """Collects ids and targets, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [named["id"]] if named.get("id") else []
        self.targets += [named["href"]] if tag == "a" and named.get("href") else []
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page, report):
    parser = Links()
    parser.feed(page)
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    inside = {target[1:] for target in parser.targets if target.startswith("#")}
    assert inside <= set(parser.ids)
    outside = {target.split("#")[0] for target in parser.targets if not target.startswith("#")}
    docs = {"../docs/methods.md", "../docs/rules.md"}
    assert docs <= outside
    assert [target for target in outside - docs if not (report / target).is_file()] == []


def test_two_reports_of_the_same_records_are_equal_byte_for_byte(report, synthetic_tables, tmp_path, monkeypatch):
    """Of figures all but the pdf; `test_bytes` draws every format."""
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in synthetic_tables.items()}
    monkeypatch.setattr("maskbank.report.compose.write_figure", without_pdf)
    write_report(PARAMS, compared(tmp_path, mixed))
    for path in sorted(path for path in report.rglob("*.*") if path.suffix != ".pdf"):
        assert path.read_bytes() == (tmp_path / path.relative_to(report)).read_bytes(), path.name


def small() -> pd.DataFrame:
    """Records with one budget and one T of transfer, which is drawn fast."""
    frame = fake.records(6)
    other_point = ~frame.budget_asked.isin([0.1, 1.0]) | (frame.steps != 10)
    return frame[~((frame.stage == "transfer") & other_point)]


def broken(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    l2 = (frame.stage == "transfer") & (frame.method == "l2")
    return {
        "method missing": frame[frame.method != "smsp"],
        "rival missing": frame[frame.method != "taylor"],
        "reference missing": frame[frame.method != "dense"],
        "one task failed": fake.fail(frame, l2 & (frame.split == "s1") & (frame.task == "t0")),
        "two tasks": frame[frame.split.isin(["s0", "none"])],
        "no transfer": frame[frame.stage != "transfer"],
        "transfer only": frame[frame.stage == "transfer"],
        "one seed": frame[(frame.stage != "transfer") & (frame.seed == 0)],
        "all failed": fake.fail(frame, pd.Series(True, frame.index)),
        "empty": frame.iloc[:0],
    }[name]


@pytest.mark.parametrize(
    "name",
    ["method missing", "one task failed", "two tasks", "no transfer", "one seed", "all failed", "empty"],
)
def test_a_report_of_broken_records_says_what_is_missing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("maskbank.report.compose.write_figure", built)
    page = written(tmp_path, broken(name, small()))
    assert "nan" not in without_scripts(page).lower().replace("provenance", "")
    expected = {
        "method missing": "smsp: no rows in this setting",
        "one task failed": "s1/t0",
        "two tasks": "too few to test",
        "no transfer": "No transfer cells are in the records",
        "one seed": "too few seeds",
        "all failed": "the loss was not finite at step 7",
        "empty": "The records hold no cells for any table",
    }
    assert expected[name] in page


@pytest.mark.parametrize("name", ["rival missing", "reference missing", "transfer only"])
def test_comparisons_of_broken_records_are_written(name, tmp_path):
    frame = broken(name, small()).reset_index(drop=True)
    compared(tmp_path, fake.tables(frame), fake.small_params())
    assert json.loads((tmp_path / "summary.json").read_text())["cells"] == len(frame)
    assert table("transfer", records_run(frame)).rows


def test_figures_hold_no_date_and_the_page_inlines_them(records):
    run = records_run(records)
    first, second = (rendered(figure("accuracy_by_budget", run)) for _ in range(2))
    assert first == second
    assert b"CreationDate" not in first["pdf"]
    assert b"<dc:date>" not in first["svg"]
    assert b"/Type3" not in first["pdf"]
    assert vector(b"<svg/>") == "data:image/svg+xml,<svg/>"


def test_the_forest_leaves_out_the_reference(records):
    drawing = figure("forest", records_run(records, fake.small_params()))
    names = [text.get_text() for text in drawing.drawn.axes[0].get_yticklabels()]
    assert names == ["universal (whole bank)", "random units", "L2", "Taylor"]
    assert "n = 6 splits" in drawing.caption


def test_transfer_means_by_hand(records):
    means = transfer_means(records).set_index(["allocation", "budget_asked", "steps", "method"])
    rows = records[
        (records.method == "smsp")
        & (records.allocation == "uniform")
        & (records.budget_asked == 0.1)
        & (records.steps == 10)
    ]
    splits = rows.groupby("split").accuracy.mean()
    found = means.loc["uniform", 0.1, 10, "smsp"]
    assert found.accuracy == pytest.approx(splits.mean())
    assert found.sd == pytest.approx(splits.std(ddof=1))
    assert (found.n, found.tasks, found.failed) == (6, 12, 0)
    assert found.off_budget
    dense = means.loc["uniform", 0.1, 10, "dense"]
    assert found.difference_to_dense == pytest.approx(found.accuracy - dense.accuracy)
    assert dense.difference_to_dense == 0


def test_seeded_means_count_seeds(records):
    means = seeded_means(records)
    assert set(means.stage) == {"compress"}
    assert set(means.n) == {3}


def test_bold_marks_the_best_pruned_method_once_a_column(records):
    found = table("transfer", records_run(records))
    group = [row for row in found.rows if row[0].text == "resnet20, uniform" and row[1].text == "10"]
    for column in range(3, 6):
        best = [row for row in group if row[column].best]
        assert len(best) == 1
        assert best[0][2].text != "dense"


def test_failed_cells_stay_in_counts_and_tables(records):
    failed = fake.fail(records, (records.method == "l2") & (records.split == "s1"))
    counts = status_counts(failed)
    assert counts.loc["all stages"].sum() == failed.cell_key.nunique()
    assert counts.loc["transfer", "failed"] == failures(failed)[0]["nunique"]
    assert any("✗" in cell.text for row in table("transfer", records_run(failed)).rows for cell in row)


def test_words_and_numbers_as_readers_see_them():
    assert points(-0.0123, signed=True) == "−1.2"
    assert points(np.nan) == "–"
    assert p_text(0.0004) == "< 0.001"
    assert p_text(None) == "–"
    assert escaped("c_gap 5 % ± −") == r"c\_gap 5 \% $\pm$ $-$"
    assert colour("smsp") == "#0072B2"
    assert colour("a new method") == colour("a new method")


def test_tables_are_valid_markdown_and_latex(report):
    lines = (report / "tables/transfer.md").read_text().splitlines()
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert len(widths) == 1
    text = (report / "tables/transfer.tex").read_text()
    assert r"\toprule" in text
    assert r"\textbf{" in text
