"""Rules B and W and P of docs/rules.md: what is compared, under which setting, and how rankings are shown."""

import numpy as np
import pandas as pd
from scipy import stats

from maskbank.records.schema import NONE
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import Finding, failed, judged, listed, not_applicable, passed
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.ranks import friedman, mean_ranks, score_table
from maskbank.statistics.transfer import BLOCK, POINT, REFERENCE, SETTING, run_everywhere, setting_name, setting_words

TOYS = ("digits", "fashion_mnist", "kmnist", "mnist", "synthetic")
OWN_WIDTHS = ("shuffled", "magnitude_widths")  # random units, and units by magnitude, in the method's own widths
NO_TRANSFER = "no transfer cells in the records"


def b1_pairs(facts: Facts) -> Finding:
    pairs = facts.records[["dataset", "backbone"]].drop_duplicates().sort_values(["dataset", "backbone"])
    real = pairs[~pairs.dataset.str.startswith(TOYS)]
    named = listed(f"{row.dataset} x {row.backbone}" for row in pairs.itertuples())
    return judged(
        len(real) >= 3, f"{len(real)} of 3 pairs that are not toy sets (present: {named}); statements name their pair"
    )


def b2_costs(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable(NO_TRANSFER)
    own = facts.transfer[facts.transfer.method == facts.params.compare.method]
    latency = facts.timings[facts.timings.latency_ms.notna()]
    timed = sorted(facts.records.method[facts.records.cell_key.isin(latency.cell_key)].unique())
    counted = not own.empty and bool(
        own[own.status == "ok"][["params", "params_dense", "macs", "macs_dense"]].notna().all(axis=None)
    )
    holds = counted and facts.params.compare.method in timed
    return judged(
        holds,
        f"parameters and MACs counted in {'every' if counted else 'not every'} ok cell; latency of: {listed(timed)}",
    )


def b3_control(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable(NO_TRANSFER)
    keys = [*REFERENCE, *BLOCK[:3], "steps"]
    dense = facts.transfer[(facts.transfer.role == "reference") & facts.transfer.accuracy.notna()]
    pruned = facts.transfer[facts.transfer.role != "reference"]
    known = pd.MultiIndex.from_frame(dense[keys])
    covered = pd.MultiIndex.from_frame(pruned[keys]).isin(known)
    return judged(
        bool(covered.all()),
        f"{int(covered.sum())} of {len(covered)} pruned points have the unpruned reference with the same keys",
    )


def b4_points(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    holds, texts = True, []
    for setting, rows in facts.settings:
        own = rows[rows.method == facts.params.compare.method]
        budgets = sorted(own.budget_asked.unique())
        means = own.groupby("budget_asked").accuracy.mean()
        dense = rows[rows.role == "reference"].accuracy.mean()
        falls = bool(((dense - means) >= 0.02).any())
        holds &= len(budgets) >= 5 and min(budgets, default=1) <= 0.2 and falls
        texts.append(
            f"{setting_name(setting)}: {len(budgets)} of 5 points "
            f"({listed(f'{budget:g}' for budget in budgets)}), "
            f"{'some' if falls else 'none'} at least 2 points below dense"
        )
    return judged(holds, "; ".join(texts))


def b5_cells(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    sizes = [
        rows[rows.accuracy.notna()].groupby(["method", *POINT]).split.nunique().min() for _, rows in facts.settings
    ]
    smallest = int(np.nanmin(sizes)) if np.isfinite(np.asarray(sizes, dtype=float)).any() else 0
    return judged(
        smallest >= 2, f"every cell gives n, mean, sd and interval over splits; the smallest n is {smallest} (2 needed)"
    )


def b6_same_start(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable(NO_TRANSFER)
    groups = facts.transfer.groupby([*REFERENCE, "pretrain_seed", "split"])
    unnamed = [column for column in ("dense_hash", "splits_hash") if facts.transfer[column].isin([NONE, ""]).all()]
    if unnamed:
        return not_applicable(f"no row says what it started from ({listed(unnamed)})")
    differing = {
        column: int((groups[column].nunique() > 1).sum()) for column in ("dense_hash", "splits_hash", "trials")
    }
    text = ", ".join(f"{column} {count}" for column, count in differing.items())
    return judged(
        not any(differing.values()), f"(backbone, tuning, shots, seed, split) groups in which methods differ: {text}"
    )


def b7_widths(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    lacking, texts = [], []
    for setting, rows in facts.settings:
        present = set(rows.method.unique())
        if setting["allocation"] == "uniform":
            names = {"random", "l1", "l2"} & present
            holds = "random" in names and len(names) > 1
            texts.append(f"uniform gives all methods the same widths ({listed(sorted(names))})")
        else:
            own = set(rows.budget_asked[rows.method == facts.params.compare.method].unique())
            if not own:
                texts.append(f"{setting_words(setting)}: the method was not run")
                continue
            ran = {name: len(own & set(rows.budget_asked[rows.method == name].unique())) for name in OWN_WIDTHS}
            holds = all(number == len(own) for number in ran.values())
            counts = listed(f"{name} at {number}" for name, number in ran.items())
            texts.append(f"{setting_words(setting)}: with the method's own widths, {counts} of its {len(own)} budgets")
        if not holds:
            lacking.append(setting)
    text = "; ".join(dict.fromkeys(texts))
    return judged(not lacking, text) if any("not run" not in each for each in texts) else not_applicable(text)


def b8_two_rankings(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    rows = pd.concat([group[group.method.isin(run_everywhere(group))] for _, group in facts.settings])
    same = [key for key in SETTING if key != "budget_kind"]
    cells = rows.groupby(["budget_kind", *same, *POINT, "method"]).accuracy.mean().unstack("method")
    tables = [cells.loc[[kind]].droplevel(0) for kind in ("params", "macs") if kind in set(rows.budget_kind.unique())]
    both = pd.DataFrame()
    if len(tables) == 2:
        shared = tables[0].index.intersection(tables[1].index)
        params, macs = (table.reindex(shared) for table in tables)
        both = pd.DataFrame({"params": params.mean(skipna=False), "macs": macs.mean(skipna=False)}).dropna()
    if len(both) < 2:
        kinds = listed(sorted(set(facts.transfer.budget_kind.unique()) - {NONE}))
        return failed(f"budgets by parameters and by MACs are both needed; present: {kinds}")
    tau = stats.kendalltau(both["params"], both["macs"]).statistic
    return passed(f"{len(both)} methods ranked under both budgets; Kendall's tau {tau:.2f}")


def w1_setup(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    pruned = facts.transfer[facts.transfer.role != "reference"]
    labels = sorted(pruned.setup.unique())
    return judged(
        len(labels) == 1 and NONE not in labels and "" not in labels, f"setup of all compared cells: {listed(labels)}"
    )


def w2_recipes(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable(NO_TRANSFER)
    method = facts.params.compare.method
    recipes = sorted(facts.transfer.tuning[facts.transfer.method == method].unique())
    scratch = sorted(set(facts.transfer.method.unique()) & {"scratch"})
    return judged(
        len(recipes) >= 2 and bool(scratch),
        f"retraining recipes of {method}: {listed(recipes)} (2 needed); trained from scratch: {listed(scratch)}",
    )


def p1_ranks(facts: Facts) -> Finding:
    if not facts.settings:
        return not_applicable(NO_TRANSFER)
    holds, texts = True, []
    for setting, rows in facts.settings:
        ranked = run_everywhere(rows)
        scores = score_table(rows[rows.method.isin(ranked)])
        name = setting_name(setting)
        if len(scores) < MIN_CLUSTERS or scores.shape[1] < 2:
            holds = False
            texts.append(f"{name}: {len(scores)} complete splits, {MIN_CLUSTERS} needed")
            continue
        params, test = facts.params.compare, friedman(scores.to_numpy())
        ranks = mean_ranks(scores.to_numpy(), params.resamples, generator_for(f"ranks/{name}", params.seed))
        shown = (
            f"{method} {mean:.1f} [{low:.1f}, {high:.1f}]"
            for method, (mean, low, high) in zip(scores, ranks, strict=True)
        )
        texts.append(f"{name}: mean ranks {listed(shown, 20)}; Iman-Davenport p {test.p:.2g}, n {len(scores)} splits")
        fewer = sorted(set(rows.method.unique()) - set(ranked))
        texts[-1] += f"; at fewer budgets, not ranked: {listed(fewer, 20)}" if fewer else ""
    return judged(holds, "; ".join(texts))


def p2_budgets(facts: Facts) -> Finding:
    pruned = facts.records[facts.records.budget_asked.notna() & facts.records.budget_achieved.notna()]
    if pruned.empty:
        return not_applicable("no cell has a budget")
    off = ((pruned.budget_achieved - pruned.budget_asked).abs() > 0.005 * pruned.budget_asked).sum()
    return passed(
        f"{off} of {len(pruned)} points miss the budget asked by more than 0.5 %; tables mark them with a dagger"
    )
