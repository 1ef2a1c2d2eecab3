"""Structured pruning and its robustness in the report: means, figure, table, and what stays out of the others."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from maskbank.records.schema import NONE
from maskbank.report.aggregate import STRUCTURED, STRUCTURED_NUMBERS
from maskbank.report.figure import Figure, figure, rendered
from maskbank.report.robustness import attack_label, setting_label
from maskbank.report.run import Run
from maskbank.report.style import LOOKS, colour, label, pattern_label
from maskbank.report.table import table
from tests.report import fake
from tests.report.fake import pruned
from tests.report.synthetic import records_run, run_of, texts

DENSE = [pruned("dense", 1, 0, 0.8, reconstruct=NONE), pruned("dense", 1, 1, 0.6, reconstruct=NONE)]
TWO = [*DENSE, pruned("paoding", 0.5, 0, 0.6), pruned("paoding", 0.5, 1, 0.3)]


def given_of(rows: list[dict], shares: dict[str, float] = fake.ATTACKS) -> Run:
    frame = fake.frame_of(rows)
    return run_of(fake.tables(frame) | {"metrics": fake.attacks(frame, shares)})


def means_of(rows: list[dict], shares: dict[str, float] = fake.ATTACKS) -> pd.DataFrame:
    return given_of(rows, shares).structured


def panels(drawing: Figure) -> list[Axes]:
    drawing.drawn.draw_without_rendering()
    return [axes for part in drawing.drawn.subfigs for axes in part.axes]


def robustness(run: Run) -> Figure:
    return figure("robustness", run)


def test_means_over_seeds_by_hand():
    means = means_of(TWO, {"pgd eps 0.1": 0.5})
    assert means.attack.tolist() == [NONE, "pgd eps 0.1"]
    clean = means.iloc[0]
    assert (clean.n, clean.kept_n, clean.failed) == (2, 2, 0)
    assert clean[["value", "dense", "removed"]].tolist() == pytest.approx([0.45, 0.7, 0.5])
    assert clean.kept == pytest.approx((0.75 + 0.5) / 2), "the mean of ratios, not the ratio of means"
    assert clean.sd == pytest.approx(0.3 / np.sqrt(2))
    assert clean.kept_sd == pytest.approx(0.25 / np.sqrt(2))
    assert means.iloc[1].value == pytest.approx(0.225)
    assert means.iloc[1].kept == pytest.approx(clean.kept)
    assert not clean.off_budget


def test_a_single_seed_has_no_spread_and_is_drawn_and_printed():
    given = given_of([TWO[0], TWO[2]])
    assert given.structured[["sd", "dense_sd", "kept_sd"]].isna().all(axis=None)
    assert "60.0 ± – (75 %)" in texts(table("robustness", given))[0]
    assert len(panels(robustness(given))) == 3


def test_a_missing_control_leaves_the_values():
    given = given_of(TWO[1:])
    means = given.structured
    assert (means.iloc[0].n, means.iloc[0].kept_n) == (2, 1)
    assert means.iloc[0].kept == pytest.approx(0.5)
    assert "45.0 ± 21.2 (50 %, n 1)" in texts(table("robustness", given))[0]
    none = given_of(TWO[2:])
    assert none.structured.kept.isna().all()
    assert texts(table("robustness", none))[0][4:6] == ["–", "45.0 ± 21.2 (–)"]
    first = panels(robustness(none))[0]
    assert "dense control" not in first.get_legend_handles_labels()[1]
    assert first.lines[0].get_xdata().tolist() == pytest.approx([0.5])


def test_failed_cells_are_counted_under_each_attack():
    failed = [*TWO, pruned("paoding", 0.5, 2, np.nan, status="failed")]
    given = given_of(failed)
    means = given.structured
    assert means.failed.tolist() == [1, 1, 1]
    assert means.n.tolist() == [2, 2, 2]
    assert all("✗1" in row[5] for row in texts(table("robustness", given)))


def test_no_structured_cell_is_an_empty_table_and_a_figure_without_data():
    frame = fake.records(2)
    frame = frame[frame.pattern != "units"]
    given = records_run(frame)
    assert given.structured.empty
    assert list(given.structured.columns) == [*STRUCTURED, *STRUCTURED_NUMBERS]
    assert table("robustness", given).rows == ()
    drawing = robustness(given)
    assert drawing.data.empty
    assert "n = 0 pretraining seeds" in drawing.caption


def test_columns_are_attacks_and_rows_settings():
    rows = [*TWO, *(pruned("l1", 0.5, seed, 0.4, reconstruct="none") for seed in range(2))]
    drawing = robustness(given_of(rows))
    assert [part.get_suptitle() for part in drawing.drawn.subfigs] == [
        "resnet20, Adam: units, uniform, merge, BN kept", "resnet20, Adam: units, uniform, BN kept", "",
    ]  # fmt: skip
    titles = [axes.get_title() for axes in panels(drawing)]
    assert titles == ["no attack", "FGSM, eps 0.03", "PGD, eps 0.03"] * 2
    assert "n = 2 pretraining seeds" in drawing.caption
    assert "± one sample sd" in drawing.notes


def test_without_attacks_the_accuracy_is_drawn_alone():
    assert [axes.get_title() for axes in panels(robustness(given_of(TWO, {})))] == ["no attack"]


def test_a_setting_that_was_not_attacked_says_so():
    frame = fake.frame_of([*TWO, pruned("paoding", 0.5, 0, 0.5, backbone="vit")])
    metrics = fake.attacks(frame, {"pgd eps 0.1": 0.5})
    metrics = metrics[metrics.cell_key != frame.cell_key.iloc[-1]]
    found = panels(robustness(run_of(fake.tables(frame) | {"metrics": metrics})))
    assert [[text.get_text() for text in axes.texts] for axes in found] == [[], [], [], ["not attacked"]]


def test_every_line_starts_at_the_dense_control():
    rows = [*TWO, pruned("l1", 0.5, 0, 0.5), pruned("l1", 0.5, 1, 0.5)]
    for axes, dense in zip(panels(robustness(given_of(rows))), (70, 42, 35), strict=True):
        lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
        tints = {tint for tint, _ in LOOKS.values()}
        starts = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines if line.get_color() in tints]
        assert [start for start in starts if start[0] == 0] == [pytest.approx((0, dense))] * 2


def test_names_and_colours():
    assert [label(name) for name in ("l1", "paoding", "paoding_shipped")] == ["L1", "PAODING", "PAODING as shipped"]
    assert len(set(LOOKS.values())) == len(LOOKS), "two names look the same"
    beside = ["l1", "paoding", "paoding_shipped", "random", "l2", "taylor", "dense"]
    assert all(lightness_gap(colour(a), colour(b)) > 0.1 for a, b in combinations(beside, 2))
    assert attack_label(NONE) == "no attack"
    assert attack_label("pgd eps 0.031") == "PGD, eps 0.031"


def lightness_gap(first: str, second: str) -> float:
    """Distance as a viewer without red-green vision has it: of blue, and of red and green together, from 0 to 1."""
    rgb = [[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in (first, second)]
    yellow = [0.3 * red + 0.7 * green for red, green, _ in rgb]
    return float(np.hypot(yellow[0] - yellow[1], rgb[0][2] - rgb[1][2]))


def test_patterns_as_readers_see_them():
    assert pattern_label("units", "units", "uniform", "one_shot", "merge") == "units, uniform, merge"
    assert pattern_label("units:all", "macs", "global", "cubic:10", "none") == "units:all, by MACs, cubic:10"
    assert pattern_label("unstructured", "weights", "global", "one_shot", "none") == "unstructured"
    assert pattern_label("none", "bits", "none", "none", "none") == "–"
    row = pruned("l1", 0.5, 0, 0.5, bn="reestimated", recipe="snt", backbone="vit")
    assert setting_label(row) == "vit, SNT: units, uniform, merge, BN re-estimated"


def test_the_same_records_give_the_same_bytes():
    first, second = (rendered(robustness(given_of(TWO))) for _ in range(2))
    assert first == second


def test_the_table_bolds_the_best_of_an_attack_and_budget():
    rows = [*TWO, pruned("l1", 0.5, 0, 0.5), pruned("l1", 0.5, 1, 0.5), pruned("l1", 0.8, 0, 0.72)]
    found = table("robustness", given_of(rows, {}))
    assert found.head == ("model", "pattern", "attack", "method", "dense", "keep 0.8", "keep 0.5", "n")
    assert texts(found) == [
        ["resnet20, Adam, BN kept", "units, uniform, merge", "no attack", "L1", "70.0 ± 14.1", "72.0 ± – (90 %)",
         "50.0 ± 0.0 (73 %)", "1–2"],
        ["resnet20, Adam, BN kept", "units, uniform, merge", "no attack", "PAODING", "70.0 ± 14.1", "",
         "45.0 ± 21.2 (62 %) ≈", "2"],
    ]  # fmt: skip
    assert [[cell.best for cell in row[5:7]] for row in found.rows] == [[True, True], [False, False]]


def test_the_compression_table_tells_patterns_apart():
    same = {"budget_kind": "weights", "allocation": "global", "reconstruct": NONE}
    rows = [
        *TWO, pruned("l1", 0.5, 0, 0.5), pruned("l1", 0.5, 0, 0.4, reconstruct=NONE),
        pruned("l1", 0.5, 0, 0.7, pattern="unstructured", **same), pruned("l1", 0.5, 0, 0.6, pattern="2:4", **same),
        pruned("l1", 0.5, 0, 0.3, budget_kind="macs"),
    ]  # fmt: skip
    found = table("compression", records_run(fake.frame_of(rows)))
    assert found.head[:6] == ("stage", "model", "pattern", "method", "BN", "recipe")
    assert found.head[6:] == ("keep 1", "keep 0.5")
    names = [(row[2].text, row[3].text) for row in found.rows]
    assert len(set(names)) == len(names) == 7
    best = {name for name, row in zip(names, found.rows, strict=True) if row[7].best}
    assert best == {
        ("units, by MACs, uniform, merge", "L1"),
        ("units, uniform, merge", "L1"),
        ("unstructured", "L1"),
        ("2:4", "L1"),
    }
    dense = next(row for row in found.rows if row[3].text == "dense")
    assert not any(cell.best for cell in dense)


def test_the_compression_table_never_averages_models_or_widths():
    """Stop, form and the width of activations are told apart, and structured pruning is of plain models alone."""
    plain = {"stop": "steps", "form": "trained", "recipe": "snt"}
    bits = {
        "method": "quantize",
        "pattern": NONE,
        "budget_kind": "bits",
        "budget_asked": 4.0,
        "allocation": NONE,
        "schedule": NONE,
    }
    others = (
        {"stop": "loss"},
        {"form": "folded"},
        bits,
        bits | {"activation_bits": 8.0},
        bits | {"activation_bits": 4.0},
    )
    rows = [pruned("l1", 0.5, 0, 0.5, reconstruct=NONE) | plain | other for other in ({}, *others)]
    found = table("compression", records_run(fake.frame_of(rows)))
    assert [(row[1].text, row[3].text) for row in found.rows] == [
        ("resnet20, trained to a loss", "L1"), ("resnet20, folded", "L1"), ("resnet20", "quantize, 4 bits of activations"),
        ("resnet20", "quantize, 8 bits of activations"), ("resnet20", "quantize"), ("resnet20", "L1"),
    ]  # fmt: skip
    assert all("n 1" in cell.text for row in found.rows for cell in row[6:] if cell.text)
    means = means_of(rows, {})
    assert len(means) == 1
    assert means.n.tolist() == [1]
