"""The whole report of a folder of records: tables, figures, pages."""

from collections.abc import Sequence
from pathlib import Path

from maskbank.config import Params
from maskbank.files import write_bytes
from maskbank.report.ablations import ablations_figure, ablations_table
from maskbank.report.aggregate import structured_means, transfer_means
from maskbank.report.boards import board_figure, board_rows, board_table, ranks_figure
from maskbank.report.claims import claim_rows, claims_figure
from maskbank.report.costs import cost_curves, cost_figure, crossings_table
from maskbank.report.figures import accuracy_figure, steps_figure
from maskbank.report.flatness import drops_figure, drops_table, sharpness_table
from maskbank.report.forest import forest_figure, task_split_figure
from maskbank.report.improvement import improvement_figure, improvement_rows
from maskbank.report.landscapes import line_figure, plane_figure
from maskbank.report.markdown import write_pages
from maskbank.report.matrix import matrix_figure, matrix_rows, profile_rows, profiles_figure, ranked
from maskbank.report.nets import gap_figure, recipes_table
from maskbank.report.page import Contents, render
from maskbank.report.prunability import prunability_table
from maskbank.report.recipe_costs import recipe_costs_figure
from maskbank.report.recipe_forest import recipe_forest_figure
from maskbank.report.recipes import areas_table, contrasts_table, recipe_curves, recipes_figure
from maskbank.report.relations import heatmap_figure, relations_table, similarity_figure
from maskbank.report.reliability import ceilings_table, reliability_figure, reliability_table
from maskbank.report.renderings import write_sheet
from maskbank.report.robustness import robustness_figure, robustness_table
from maskbank.report.run import read_run
from maskbank.report.sparse_accuracy import arms_table, rates_table, sparse_figure
from maskbank.report.sparse_contrasts import sparse_contrasts_table
from maskbank.report.sparse_costs import sparse_costs_figure, sparse_costs_table
from maskbank.report.sparse_live import live_figure
from maskbank.report.sparse_timeline import density_figure, timeline_figure
from maskbank.report.style import Drawing, write_drawing
from maskbank.report.tables import Sheet, seeded_table, transfer_table
from maskbank.report.task_splits import task_split_table
from maskbank.report.traces import cell_rows, traced_boards, traced_task_splits
from maskbank.report.venues import VENUES
from maskbank.statistics.ablation import ablations
from maskbank.statistics.costs import KINDS, cost_means, cost_rows, crossings


def write_report(params: Params, folder: Path) -> None:
    """Write tables/, figures/, index.html, claims.md, one_shot_transfer.md, pretraining.md and sparse_training.md."""
    run = read_run(params, folder)
    records, metrics, timings, comparisons, boards = run.records, run.metrics, run.timings, run.comparisons, run.boards
    grouped, crossed = board_rows(boards), ranked(records)
    transferred = transfer_means(records)
    structured = structured_means(records, metrics)
    costs = cost_rows(records, timings)
    curves = cost_curves(transferred, cost_means(costs))
    ablated = ablations(records, params.compare)
    related, correlated, reliable, given, sparse = (
        run.relations,
        run.correlations,
        run.reliability,
        run.pretraining,
        run.sparse,
    )
    alpha, margin, claims = run.alpha, run.margin, run.claims
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
        records_hash=run.records_hash,
        comparisons=comparisons,
        claims=claims,
        rules=run.rules,
        sheets=shown,
        drawings=[drawing for drawing in drawings if drawing.name in drawn],
        files=drawn,
    )
    write_bytes(folder / "index.html", render(contents).encode())
    alts = {drawing.name: drawing.alt for drawing in contents.drawings}
    write_pages(run, folder, alts, {sheet.name for sheet in shown})


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
