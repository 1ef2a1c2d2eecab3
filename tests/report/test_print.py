"""Tables in print: every table as LaTeX and as Typst, checked by structure and compiled."""

import re
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typst as compiler
from PIL import Image

from maskbank.report.layout import Entry, aligned, layouts
from maskbank.report.print import LATEX, escaped, latex, markdown, typst, write_table
from maskbank.report.style import LABELS
from maskbank.report.table import TIED, Cell, Table, table
from tests.report import fake
from tests.report.synthetic import records_run

PDFLATEX = shutil.which("pdflatex")
MARGINS = (1.5, 1.0)  # inches left and right, above and below
DOCUMENT = r"""\documentclass{article}
\usepackage[paperwidth=8.5in,paperheight=11in,textwidth=5.5in,textheight=9in]{geometry}
\usepackage[T1]{fontenc}
\usepackage{lmodern,booktabs,longtable,array,lscape}
\begin{document}
%s
\end{document}
"""
COMMANDS = {
    "addlinespace", "arraybackslash", "begin", "begingroup", "bottomrule", "caption", "dimexpr", "end", "endfirsthead",
    "endfoot", "endgroup", "endhead", "fontsize", "itshape", "label", "LTcapwidth", "linewidth", "midrule", "multicolumn",
    "phantom", "raggedright", "relax", "selectfont", "setlength", "tabcolsep", "textbf", "toprule",
    *re.findall(r"\\([a-zA-Z]+)", " ".join(LATEX.values())),
}  # fmt: skip
SPECIALS = r"\{}$%&#_^~|<>" + '"'


@pytest.fixture(scope="module")
def printed(shown) -> list[Table]:
    """Every table of a whole report, the tables of transfer over many settings, and one of all that is hard to print."""
    study = fake.study(4, foreign=2)
    study = table("transfer", records_run(study[study.steps == 10]))
    hard = [
        [Cell(text, best=bool(place % 2)) for place in range(3)] for text in (SPECIALS, " ".join(LATEX), "8.25 ± 1.5 †")
    ]
    odd = Table(
        "hard", SPECIALS, "".join(LATEX), ("a", SPECIALS, "c"), tuple(map(tuple, hard)), pd.DataFrame(), together=0
    )
    return [*shown.values(), replace(study, name="study"), odd]


def made(rows: list[list[str]], head: tuple[str, ...], together: int = 1) -> Table:
    cells = tuple(tuple(map(Cell, row)) for row in rows)
    return Table("a_table", "A title", "A caption.", head, cells, pd.DataFrame({"x": [1]}), together)


# what stands where


def test_numbers_stand_under_each_other():
    column = aligned([Cell("8.2 ± 0.1"), Cell("−12.0 ± 0.1", best=True), Cell("–"), Cell("≥ 50")])
    assert [entry.pad for entry in column] == ["≥ 1", "", "", ""]
    assert aligned([Cell("8.2"), Cell("12.0")]) == [Entry("8.2", pad="1"), Entry("12.0")]
    assert aligned([Cell("+8.2"), Cell("−12.0"), Cell("0.1")])[0].pad == "1"
    assert aligned([Cell("words"), Cell("more words")]) == [Entry("words"), Entry("more words")]


def test_what_rows_have_together_is_the_title_of_their_group():
    given = made([["a", "x", "1"], ["a", "y", "2"], ["10", "x", "3"], ["10", "y", "4"]], ("T", "method", "n"))
    (found,) = layouts(given)
    assert found.head == ("method", "n")
    assert [(group.title, len(group.rows)) for group in found.groups] == [("a", 2), ("T 10", 2)]
    single = made([["a", "x"], ["b", "y"]], ("T", "method"))
    assert layouts(single)[0].head == ("T", "method")


def test_a_table_too_wide_is_one_for_each_set_of_columns_that_is_filled():
    wide, head = "words that are rather long", ("group", *(f"column {number}" for number in range(12)))
    rows = [["one", *[wide] * 6, *[""] * 6]] * 2 + [["two", *[""] * 6, *[wide] * 6]] * 2
    found = layouts(made(rows, head))
    assert [part.head for part in found] == [head[1:7], head[7:]]
    text = latex(made(rows, head))
    assert r"\label{tab:a_table-2}" in text
    assert "part 2 of 2" in text


def test_columns_are_never_wider_than_the_line(printed):
    for part in (part for each in printed for part in layouts(each)):
        assert sum(part.widths) <= 1.001
        assert len(part.widths) == len(part.head)


# words


@pytest.mark.parametrize("name", sorted(LABELS))
def test_every_label_is_printed(name):
    assert escaped(LABELS[name]).isascii()


def test_all_that_occurs_is_escaped(printed):
    texts = [text for each in printed for text in (each.title, each.caption, *each.head)]
    texts += [cell.text for each in printed for row in each.rows for cell in row]
    assert not sorted({letter for text in texts for letter in text if not escaped(letter).isascii()})
    assert escaped("a_b & 5 % ~ ^ {x} $1 # \\") == (
        r"a\_b \& 5 \% \textasciitilde{} \textasciicircum{} $\{$x$\}$ \$1 \# $\backslash$"
    )


def test_the_best_is_bold_and_what_is_near_is_marked_in_every_form():
    records = fake.records(6)
    given = table("transfer", records_run(records[records.steps == 10]))
    near = [cell.text for row in given.rows for cell in row if TIED in cell.text]
    best = [cell.text for row in given.rows for cell in row if cell.best]
    assert near
    assert not any(TIED in text for text in best)
    assert f"| {near[0]} |" in markdown(given)
    assert f"| **{best[0]}** |" in markdown(given)
    assert latex(given).count(r"$\approx$") == len(near) + given.caption.count(TIED)
    assert latex(given).count(r"\textbf{") == len(best) == typst(given).count("strong(")
    assert "no test" in given.caption


def test_without_enough_splits_or_with_cells_missing_nothing_is_marked():
    def marks(frame: pd.DataFrame) -> int:
        return sum(TIED in cell.text for row in table("transfer", records_run(frame)).rows for cell in row)

    frame, alone = (own[own.steps == 10] for own in map(fake.records, (6, 1)))
    assert marks(alone) == 0
    failed = (frame.stage == "transfer") & (frame.split == "s0")
    assert marks(frame) > 0
    assert marks(fake.fail(frame, failed)) == 0


def test_files_in_four_forms(tmp_path):
    write_table(made([["a|b", "1"]], ("T", "n")), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a_table.{end}" for end in ("csv", "md", "tex", "typ")]
    assert r"| a\|b | 1 |" in (tmp_path / "a_table.md").read_text()


def test_a_table_without_rows_has_its_head():
    empty = made([], ("T", "n"))
    assert "T & n" in latex(empty)
    assert compiler.compile(typst(empty).encode()).startswith(b"%PDF")


# structure


def test_latex_is_well_formed(printed):
    for each in printed:
        check(latex(each))


def check(text: str) -> None:
    """Balanced braces, environments and formulas, as many cells in each row as columns, and no command but those known."""
    assert text.isascii()
    bare = re.sub(r"\\[^a-zA-Z]", "", re.sub(r"^%.*\n", "", text))
    depth = np.cumsum([(letter == "{") - (letter == "}") for letter in bare])
    assert depth.min() >= 0
    assert depth[-1] == 0
    assert set(re.findall(r"\\([a-zA-Z]+)", bare)) <= COMMANDS
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", bare):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    for body in re.findall(r"\\begin\{longtable\}(.*?)\\end\{longtable\}", text, re.DOTALL):
        spec, *lines = body.strip().split("\n")
        columns = spec.count(r"p{\dimexpr")
        for line in lines:
            plain = re.sub(r"\\[&%$#_{}]", "", line)
            assert plain.count("$") % 2 == 0
            if line.endswith((r"\\", r"\\*")) and not line.startswith(r"\caption"):
                span = re.match(r"\\multicolumn\{(\d+)\}", line)
                assert (int(span[1]) if span else plain.count("&") + 1) == columns


@pytest.mark.parametrize(
    "broken", ["{", "}", "a & b & c & d & e & f \\\\", r"\unknown", "é", r"\begin{table}", "$1 \\\\"]
)
def test_the_check_finds_what_is_broken(broken):
    text = latex(made([["a", "1"], ["b", "2"]], ("T", "n")))
    check(text)
    with pytest.raises((AssertionError, IndexError)):
        check(text.replace("\\endhead\n", f"\\endhead\n{broken}\n"))


# compiled


def pages(text: str) -> list[np.ndarray]:
    """Pages of a Typst document as grey values [height, width], a letter page at 40 dots an inch."""
    set_up = "#set page(width: 8.5in, height: 11in, margin: (x: 1.5in, y: 1in))\n"
    found = compiler.compile((set_up + text).encode(), format="png", ppi=40)
    return [
        np.asarray(Image.open(BytesIO(page)).convert("L")) for page in (found if isinstance(found, list) else [found])
    ]


def ink_in_margins(page: np.ndarray) -> bool:
    x, y = (int(40 * margin) - 2 for margin in MARGINS)
    return bool(
        (page[:, :x] < 200).any() or (page[:, -x:] < 200).any() or (page[:y] < 200).any() or (page[-y:] < 200).any()
    )


def test_typst_prints_every_table_on_its_pages(printed):
    for each in printed:
        found = pages(typst(each))
        assert found
        assert not any(map(ink_in_margins, found)), each.name


def test_ink_in_margins_is_found():
    (page,) = pages("#place(dx: 5.4in)[#box(width: 2in)[running off the page]]")
    assert ink_in_margins(page)
    assert not ink_in_margins(pages("as it should be")[0])


@pytest.mark.skipif(PDFLATEX is None, reason="no TeX here; the structure is checked, and Typst compiles the same rows")
def test_tex_prints_every_table_within_its_lines(printed, tmp_path: Path):
    for each in printed:
        write_table(each, tmp_path)
    inputs = "\n".join(rf"\input{{{each.name}.tex}}\clearpage" for each in printed)
    (tmp_path / "all.tex").write_text(DOCUMENT % inputs)
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert "Overfull" not in ran.stdout, re.findall(r"Overfull.*\n.*", ran.stdout)[:5]
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
