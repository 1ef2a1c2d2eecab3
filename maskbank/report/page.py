"""The report page: one self-contained HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from ruamel.yaml import YAML

from maskbank.config import Params
from maskbank.records.schema import STATUSES
from maskbank.report.chart_rows import chart_rows
from maskbank.report.embedded import sources
from maskbank.report.figure import Figure
from maskbank.report.interactive import interactive, policy
from maskbank.report.provenance import provenance
from maskbank.report.run import Run
from maskbank.report.settings import not_drawn
from maskbank.report.style import label
from maskbank.report.table import Table
from maskbank.report.task_tables import task_tables
from maskbank.report.words import detectable, number_range, p_text, points, setting_title
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.studies.transfer import HEADLINE
from maskbank.statistics.summary import RANKS

TEMPLATE = Path(__file__).parent / "page.html"
STYLE = Path(__file__).parent / "page.css"
MOST_FAILURES = 40
VERDICTS = ("supported", "contradicted", "inconclusive")
GLOSSARY = {
    "accuracy": "Fraction of the test images classified rightly; shown in points (hundredths).",
    "budget": "The fraction that is kept of units or weights, or the bits of a weight.",
    "allocation": "How a budget is spread: uniform keeps the same fraction in every layer, global ranks all units at once.",
    "steps (T)": "Training steps on the task after pruning; T = 0 is the one-shot result.",
    "task": "A few-way classification problem drawn from the classes of its split.",
    "split": "A draw of target classes. Tasks of one split share classes, so the split is the unit of every test.",
    "held out, unseen, foreign": "Target classes that the backbone saw in pretraining; that it did not; of another data set.",
    "setting": "Data set, backbone, recipe, allocation and whatever else is the same for all that is compared.",
    "tuned": "Learning rate and options chosen on validation tasks, by the same number of trials for each method.",
    "variant": "A method with one choice changed (an ablation). Headlines are about methods as they are.",
    "total cost": "Choosing the units, adapting the model and the trials of tuning, in multiply-adds (MACs) or CPU seconds.",
    "method": "The method that the comparisons are about.",
    "rival": "A published or common pruning method compared with it.",
    "control": "A method that could show the claim to be empty, such as random units.",
    "reference": "The unpruned model, adapted in the same way.",
    "recipe": "How a backbone was pretrained.",
    "equal steps, matched loss": "What ended the pretraining: a number of steps, or a training loss, the same for all recipes.",
    "folded": "Rewritten exactly as an ordinary model, without parallel branches and normalisation, before it is compressed.",
    "sharpness": "How fast the training loss rises around the minimum: the Hessian's largest eigenvalue and trace, worst case.",
    "drop": "Accuracy before compression minus accuracy after it.",
    "arm": "A method of sparse training at one sparsity in one setting; its learning-rate schedule is chosen on validation.",
    "learning-rate schedule": "Restarted in each phase, one cosine, or constant and then a cosine: a trial of every arm.",
    "equal steps, equal training MACs": "What sparse trainings that compare have in common: their steps, or their cost.",
    "live parameters": "Those that no mask sets to zero, with the layers that stay dense; the peak is the most at one time.",
    "sequential steps": "Steps of training that cannot run side by side: of P-GaP one worker's of each round.",
    "backbone": "The model that is pruned.",
    "bank": "Masks of other tasks, from which a method may choose.",
    "robust accuracy": "Fraction of the test images still classified rightly under an attack (FGSM, PGD) on the model itself.",
    "share kept": "Accuracy or robust accuracy over that of the dense control with the same backbone, recipe and seed.",
    "interval": "A range that covers the true mean in 95 % of repetitions, if its assumptions hold.",
    "MDE": "Minimal detectable effect: smallest true difference that this design finds with 80 % power, two-sided at 5 %.",
    "Holm": "A correction of p-values for the number of tests in a family.",
    "supported, contradicted, inconclusive": "What the tests say of our reading of a method, here, and no more.",
}  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """All that the page shows: of a run its tables and figures with rows, and `files` of the figures: name -> ending -> bytes."""

    run: Run
    tables: Sequence[Table]
    figures: Sequence[Figure]
    files: dict[str, dict[str, bytes]]


def status_counts(records: pd.DataFrame) -> pd.DataFrame:
    """Cells of each stage by status, the worst of a cell's points; a total below."""
    cells = records.assign(rank=records.status.map(RANKS)).groupby(["stage", "cell_key"])["rank"].max()
    counts = cells.reset_index().pivot_table(index="stage", columns="rank", aggfunc="size", fill_value=0)
    counts = counts.reindex(columns=range(len(STATUSES)), fill_value=0).set_axis(STATUSES, axis=1)
    return pd.concat([counts, counts.sum().to_frame("all stages").T])


def failures(records: pd.DataFrame) -> list[dict[str, Any]]:
    """Cells that did not end ok, grouped by what is the same about them, most frequent first."""
    failed = records[records.status != "ok"]
    groups = failed.groupby(["stage", "backbone", "method", "status", "reason"], sort=True).cell_key.agg(
        ["nunique", "min"]
    )
    return groups.sort_values("nunique", ascending=False, kind="stable").reset_index().to_dict("records")  # type: ignore[return-value]


def not_run(headlines: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """What was not run, in words, for each setting of headlines with a `title`."""
    absent = headlines[headlines.status == NOT_RUN]
    found = absent.groupby("title", sort=False).missing.agg(
        lambda texts: sorted({part for text in texts for part in text.split("; ")})
    )
    return [(str(title), texts) for title, texts in found.items()]


def params_text(params: Params) -> str:
    stream = StringIO()
    YAML().dump(params.model_dump(), stream)
    return stream.getvalue()


def optional_points(value: Any, signed: bool = True) -> str:
    return "–" if value is None else points(float(value), signed)


def verdict_counts(claims: list[dict[str, Any]]) -> dict[str, int]:
    return {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS}


def rule_counts(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """How many rules pass, fail and do not apply, and which `failed`."""
    verdicts = [rule["verdict"] for rule in rules]
    failed = [rule["id"] for rule in rules if rule["verdict"] == "fail"]
    passed = verdicts.count("pass")
    return {"pass": passed, "fail": len(failed), "other": len(rules) - passed - len(failed), "failed": failed}


def render(contents: Contents) -> str:
    """The page as HTML. It needs no network and no other file, and without scripts lacks its interactive charts alone."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "points": optional_points,
        "p_value": p_text,
        "label": label,
        "detectable": detectable,
        "number_range": number_range,
        "not_drawn": not_drawn,
    }
    run = contents.run
    headlines = run.comparisons[run.comparisons.kind == HEADLINE]
    headlines = headlines.assign(title=[setting_title(row, headlines) for row in headlines.to_dict("records")])
    ran = headlines[headlines.status != NOT_RUN]
    failed = failures(run.records)
    style, rows = STYLE.read_text(), chart_rows(run.records)
    charts, pictures = interactive(rows), sources(contents.files)
    return environment.from_string(TEMPLATE.read_text()).render(
        title=run.params.report.title,
        style=style,
        policy=policy(charts.scripts if charts else (), style),
        interactive=charts,
        left_out=rows.left_out,
        tasks=task_tables(rows),
        verdicts=verdict_counts(run.claims),
        kept_rules=rule_counts(run.rules),
        suite=run.params.suite,
        compare=run.params.compare,
        points_in_all=len(run.records),
        datasets=sorted(run.records.dataset.unique()),
        backbones=sorted(run.records.backbone.unique()),
        statuses=STATUSES,
        counts=status_counts(run.records),
        claims=run.claims,
        headlines=ran.to_dict("records"),
        not_run=not_run(headlines),
        tables=contents.tables,
        figures=[(figure, pictures[figure.name]) for figure in contents.figures],
        rules=run.rules,
        failures=failed[:MOST_FAILURES],
        more_failures=max(0, len(failed) - MOST_FAILURES),
        provenance=provenance(run.records, run.records_hash),
        params=params_text(run.params),
        glossary=GLOSSARY,
    )
