"""The whole report of a folder of records: tables, figures, pages."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.files import hash_file, read_json, write_bytes
from maskbank.records.load import read_table
from maskbank.report.ablations import ablations_figure, ablations_table
from maskbank.report.aggregate import structured_means, transfer_means
from maskbank.report.boards import board_figure, board_rows, board_table, ranks_figure
from maskbank.report.claims import claim_rows, claims_figure
from maskbank.report.claims_page import claims_page
from maskbank.report.costs import cost_curves, cost_figure, crossings_table
from maskbank.report.figures import accuracy_figure, steps_figure
from maskbank.report.flatness import drops_figure, drops_table, sharpness_table
from maskbank.report.forest import forest_figure, task_split_figure
from maskbank.report.improvement import improvement_figure, improvement_rows
from maskbank.report.landscapes import line_figure, plane_figure
from maskbank.report.matrix import matrix_figure, matrix_rows, profile_rows, profiles_figure, ranked
from maskbank.report.nets import gap_figure, recipes_table
from maskbank.report.page import Contents, render
from maskbank.report.pretraining_material import pretraining
from maskbank.report.pretraining_page import pretraining_page
from maskbank.report.prunability import prunability_table
from maskbank.report.recipe_costs import recipe_costs_figure
from maskbank.report.recipe_forest import recipe_forest_figure
from maskbank.report.recipes import areas_table, contrasts_table, recipe_curves, recipes_figure
from maskbank.report.relations import heatmap_figure, relations_table, similarity_figure
from maskbank.report.reliability import ceilings_table, reliability_figure, reliability_means, reliability_table
from maskbank.report.renderings import write_sheet
from maskbank.report.robustness import robustness_figure, robustness_table
from maskbank.report.sparse_accuracy import arms_table, rates_table, sparse_figure
from maskbank.report.sparse_contrasts import sparse_contrasts_table
from maskbank.report.sparse_costs import sparse_costs_figure, sparse_costs_table
from maskbank.report.sparse_live import live_figure
from maskbank.report.sparse_material import sparse_training
from maskbank.report.sparse_page import sparse_page
from maskbank.report.sparse_timeline import density_figure, timeline_figure
from maskbank.report.style import Drawing, write_drawing
from maskbank.report.tables import Sheet, seeded_table, transfer_table
from maskbank.report.task_splits import task_split_table
from maskbank.report.traces import cell_rows, traced_boards, traced_task_splits
from maskbank.report.transfer_material import Material
from maskbank.report.transfer_page import transfer_page
from maskbank.report.venues import VENUES
from maskbank.statistics.ablation import ablations
from maskbank.statistics.board import Leaderboard
from maskbank.statistics.correlation import correlations, relation_table
from maskbank.statistics.costs import KINDS, cost_means, cost_rows, crossings

TEXTS = ["shots", "budgets", "steps_averaged", "missing", "barred"]  # that may look like numbers, or be empty


def read_comparisons(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes it (`dvc repro`)") from None
    return frame.fillna(dict.fromkeys(TEXTS, ""))


def write_report(params: Params, folder: Path) -> None:
    """Write tables/, figures/, index.html, claims.md, one_shot_transfer.md, pretraining.md and sparse_training.md."""
    names = ("records", "metrics", "timings", "curves")
    records, metrics, timings, training_curves = (read_table(name, folder) for name in names)
    comparisons = read_comparisons(folder / "comparisons.csv")
    boards = Leaderboard.model_validate(read_json(folder / "leaderboard.json")).boards
    grouped, crossed = board_rows(boards), ranked(records)
    transferred = transfer_means(records)
    structured = structured_means(records, metrics)
    costs = cost_rows(records, timings)
    curves = cost_curves(transferred, cost_means(costs))
    ablated = ablations(records, params.compare)
    related = relation_table(records, metrics)
    correlated = correlations(related, params.compare)
    reliable = reliability_means(records, metrics, timings, related)
    given = pretraining(records, metrics, timings, params.compare)
    sparse = sparse_training(records, metrics, timings, training_curves, params.compare)
    alpha, margin = params.compare.alpha, params.compare.margin
    claims = read_json(folder / "claims.json")
    rows = cell_rows(records)
    sheets = [
        transfer_table(transferred),
        board_table(traced_boards(grouped, boards, rows), boards),
        task_split_table(traced_task_splits(comparisons, rows)),
        crossings_table(crossings(costs, params.compare)),
        ablations_table(ablated),
        relations_table(correlated),
        reliability_table(reliable),
        ceilings_table(reliable),
        seeded_table(records),
        recipes_table(given.means, given.costs),
        contrasts_table(given.contrasts, alpha),
        areas_table(given.areas, alpha),
        sharpness_table(given.sharpness, alpha),
        drops_table(given.correlated),
        arms_table(sparse.means),
        rates_table(sparse.choices),
        sparse_contrasts_table(sparse.contrasts, alpha, margin),
        sparse_costs_table(sparse.costs),
        robustness_table(structured),
        prunability_table(structured, records),
    ]
    drawings = [
        claims_figure(claim_rows(claims), len(claims)),
        accuracy_figure(transferred),
        steps_figure(transferred),
        board_figure(grouped),
        ranks_figure(grouped),
        matrix_figure(matrix_rows(crossed)),
        profiles_figure(profile_rows(crossed, params.compare)),
        *(cost_figure(curves, kind) for kind in KINDS),
        recipes_figure(recipe_curves(records, given.nets)),
        recipe_forest_figure(given.contrasts, margin),
        drops_figure(given.dropped, given.correlated),
        gap_figure(given.nets, given.means),
        recipe_costs_figure(given.costs),
        line_figure(given.line),
        plane_figure(given.plane),
        sparse_figure(sparse.means),
        sparse_costs_figure(sparse.points),
        timeline_figure(sparse.course),
        live_figure(sparse.course),
        density_figure(sparse.ends),
        robustness_figure(structured),
        forest_figure(comparisons, margin),
        improvement_figure(improvement_rows(records, params.compare)),
        task_split_figure(comparisons),
        ablations_figure(ablated),
        similarity_figure(correlated),
        heatmap_figure(related),
        reliability_figure(reliable),
    ]
    shown, drawn = write_parts(sheets, drawings, folder, params)
    contents = Contents(
        params=params,
        records=records,
        records_hash=hash_file(folder / "records.parquet"),
        comparisons=comparisons,
        claims=claims,
        rules=read_json(folder / "rules.json"),
        sheets=shown,
        drawings=[drawing for drawing in drawings if drawing.name in drawn],
        files=drawn,
    )
    write_bytes(folder / "index.html", render(contents).encode())
    material = Material(
        records,
        comparisons,
        claims,
        contents.rules,
        timings,
        correlated,
        reliable,
        params,
        contents.records_hash,
    )
    write_page(folder / "one_shot_transfer.md", transfer_page(material))
    about = {"alpha": alpha, "margin": margin, "records_hash": contents.records_hash, "hypotheses": params.claims}
    page = pretraining_page(given, records, claims, contents.rules, about)
    write_page(folder / "pretraining.md", page)
    page = sparse_page(sparse, records, claims, contents.rules, about)
    write_page(folder / "sparse_training.md", page)
    write_page(folder / "claims.md", claims_page(claims, contents.rules, contents.records_hash))


def write_parts(
    sheets: Sequence[Sheet], drawings: Sequence[Drawing], folder: Path, params: Params
) -> tuple[list[Sheet], dict[str, dict[str, bytes]]]:
    """Write the tables and figures that have data, and remove what an earlier run left of the others."""
    tables, figures = folder / "tables", folder / "figures"
    for place in (tables, figures):
        place.mkdir(parents=True, exist_ok=True)
    empty = [(tables, sheet.name) for sheet in sheets if not sheet.rows]
    empty += [(figures, drawing.name) for drawing in drawings if drawing.data.empty]
    for path in [path for place, name in empty for path in place.glob(f"{name}.*")]:
        path.unlink()
    shown, venue = [sheet for sheet in sheets if sheet.rows], VENUES[params.report.venue]
    for sheet in shown:
        write_sheet(sheet, tables)
    return shown, {each.name: write_drawing(each, figures, venue) for each in drawings if not each.data.empty}


def write_page(path: Path, text: str) -> None:
    """Write a page in Markdown, without the pictures and links of what was not written."""

    def kept(link: re.Match[str]) -> str:
        if (path.parent / link["target"]).exists():
            return link[0]
        return "" if link["picture"] else f"{link['words']} (no rows)"

    found = re.sub(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?P<target>(tables|figures)/[^)]*)\)", kept, text)
    write_bytes(path, re.sub(r"\n{3,}", "\n\n", found).encode())
