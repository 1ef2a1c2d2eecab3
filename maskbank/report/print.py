"""A table as Markdown, LaTeX and Typst: the same rows, the best in bold."""

import json
from pathlib import Path

from maskbank.files import write_bytes
from maskbank.report.layout import Entry, Group, Layout, layouts
from maskbank.report.table import Table

ON_ONE_PAGE = 30  # rows of a group that are not parted
LATEX = {
    "\\": r"$\backslash$", "{": r"$\{$", "}": r"$\}$", "$": r"\$", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "|": "$|$", "<": "$<$", ">": "$>$", '"': "''",
    "\u00a0": "~", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "✗": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$",
    "≈": r"$\approx$", "†": r"$\dagger$", "‡": r"$\ddagger$", "→": r"$\to$", "·": r"$\cdot$", "°": r"$^\circ$", "∞": r"$\infty$",
    "–": "--", "—": "---", "…": r"\ldots{}", "’": "'", "‘": "`", "“": "``", "”": "''", "§": r"$\S$", "é": r"\'e",
    "ρ": r"$\rho$", "σ": r"$\sigma$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$",
    "ε": r"$\varepsilon$", "λ": r"$\lambda$", "μ": r"$\mu$", "µ": r"$\mu$", "τ": r"$\tau$", "Δ": r"$\Delta$",
}  # fmt: skip


def markdown(table: Table) -> str:
    def line(texts: list[str]) -> str:
        return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"

    body = [line([f"**{cell.text}**" if cell.best else cell.text for cell in row]) for row in table.rows]
    lines = [f"# {table.title}", "", line(list(table.head)), line(["---"] * len(table.head)), *body, "", table.caption]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(LATEX.get(character, character) for character in text)


def latex(table: Table) -> str:
    """Tables with the rules of booktabs, to be read in by `\\input`: no wider than the text, over as many pages as they need."""
    parts = [latex_table(given, *named) for given, named in numbered(table)]
    return "\n".join(["% needs booktabs, longtable, array and lscape", *parts]) + "\n"


def numbered(table: Table) -> list[tuple[Layout, tuple[str, str]]]:
    """Each table of a table with its caption and its name."""
    found = layouts(table)
    captions, names = [f"{table.title}. {table.caption}"], [table.name]
    for number in range(2, len(found) + 1):
        captions.append(f"{table.title}, part {number} of {len(found)}; what is shown is said at part 1.")
        names.append(f"{table.name}-{number}")
    return list(zip(found, zip(captions, names, strict=True), strict=True))


def latex_table(given: Layout, caption: str, name: str) -> str:
    columns = "".join(rf">{{\raggedright\arraybackslash}}{parbox(width)}" for width in given.widths)
    head = [r"\toprule", " & ".join(map(escaped, given.head)) + r" \\", r"\midrule"]
    lines = [
        *([r"\begin{landscape}"] if given.landscape else []),
        r"\begingroup", rf"\fontsize{{{given.size:g}}}{{{1.2 * given.size:g}}}\selectfont",
        r"\setlength{\tabcolsep}{0.4em}\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{columns}}}",
        rf"\caption{{{escaped(caption)}}}\label{{tab:{name}}} \\",
        *head, r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endfoot",
        *("\n\\addlinespace\n".join("\n".join(latex_rows(group, given)) for group in given.groups).split("\n")),
        r"\end{longtable}", r"\endgroup", *([r"\end{landscape}"] if given.landscape else []),
    ]  # fmt: skip
    return "\n".join(lines)


def parbox(width: float) -> str:
    return rf"p{{\dimexpr {width:g}\linewidth-2\tabcolsep\relax}}"


def latex_rows(group: Group, given: Layout) -> list[str]:
    """The title of a group, then its rows; pages are broken between groups, inside those alone that are long."""
    rows = [" & ".join(map(latex_entry, row)) for row in group.rows]
    if group.title:
        span = rf"\multicolumn{{{len(given.head)}}}{{{parbox(sum(given.widths))}}}"
        rows.insert(0, rf"{span}{{\itshape {escaped(group.title)}}}")
    kept = len(rows) if len(rows) <= ON_ONE_PAGE else 2
    return [row + (r" \\*" if group.title and at < kept - 1 else r" \\") for at, row in enumerate(rows)]


def latex_entry(entry: Entry) -> str:
    text = (rf"\phantom{{{escaped(entry.pad)}}}" if entry.pad else "") + escaped(entry.text)
    return rf"\textbf{{{text}}}" if entry.best else text


def typst(table: Table) -> str:
    """Figures with a table each, to be read in by `#include`."""
    lines = [
        "#set par(justify: false)", "#show figure: set block(breakable: true)", "#set figure.caption(position: top)",
        "#show figure.caption: set align(left)", *(typst_table(given, *named) for given, named in numbered(table)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def typst_table(given: Layout, caption: str, name: str) -> str:
    count, rule = len(given.head), "table.hline(stroke: {}pt),"
    lines = [
        f"#set page(flipped: {str(given.landscape).lower()})", f"#set text(size: {given.size:g}pt)",
        "#figure(", "kind: table,", f"caption: {quoted(caption)},", "table(",
        f"columns: ({' '.join(f'{100 * width:g}%,' for width in given.widths)}),", "align: left, stroke: none,",
        "inset: (x: 0.4em, y: 0.25em),",
        f"table.header({rule.format(0.8)} {', '.join(map(quoted, given.head))}, {rule.format(0.5)}),",
    ]  # fmt: skip
    for group in given.groups:
        if group.title:
            title = f"table.cell(colspan: {count}, inset: (x: 0.4em, top: 0.7em, bottom: 0.25em), emph({quoted(group.title)}))"
            lines.append(f"table.header(level: 2, {title}),")
        lines += [", ".join(map(typst_entry, row)) + "," for row in group.rows]
    return "\n".join([*lines, rule.format(0.8), f")) <tab-{name}>"])


def quoted(text: str) -> str:
    """A string of Typst: nothing in it is markup."""
    return json.dumps(text, ensure_ascii=False)


def typst_entry(entry: Entry) -> str:
    text = (f"hide({quoted(entry.pad)}) + " if entry.pad else "") + quoted(entry.text)
    return f"strong({text})" if entry.best else text


def write_table(table: Table, folder: Path) -> None:
    """Write csv, md, tex and typ."""
    csv = table.data.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    for ending, text in (("csv", csv), ("md", markdown(table)), ("tex", latex(table)), ("typ", typst(table))):
        write_bytes(folder / f"{table.name}.{ending}", text.encode())
