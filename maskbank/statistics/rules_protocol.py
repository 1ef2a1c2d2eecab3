"""Rules X of docs/rules.md: protocol, statistics, controls and clocks."""

from collections.abc import Hashable
from typing import Any

import numpy as np

from maskbank.records.schema import NONE
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, Finding, failed, judged, listed, not_applicable, passed
from maskbank.statistics.groups import letter_order
from maskbank.statistics.known_orders import known_orders
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.scores import tabulate
from maskbank.statistics.transfer import DEFAULT, setting_name, setting_words
from maskbank.statistics.verdict import HIGHER

CONTROLS = ("universal", "random", "farthest", "shuffled", "oracle")
NO_HEADLINE = "no headline contrast in the records"


def x1_splits(facts: Facts) -> Finding:
    tuned = facts.records.stage == "tune"  # on validation images
    scored = facts.records[facts.records.accuracy.notna() & ~tuned]
    if scored.empty:
        return not_applicable("no cell has an accuracy")
    unnamed = int(scored.splits_hash.isin([NONE, ""]).sum())
    reads = facts.metrics[facts.metrics.metric == "test_reads"]
    text = f"{unnamed} of {len(scored)} points without the hash of their splits"
    if reads.empty:
        return failed(f"{text}; no counter of reads of the test split (metric test_reads) in the metrics")
    counted = scored[["cell_key", "steps"]].merge(reads, on=["cell_key", "steps"], how="left")
    once = int((counted.value == 1).sum())
    peeked = int((reads[reads.cell_key.isin(facts.records[tuned].cell_key)].value > 0).sum())
    return judged(
        unnamed == 0 and once == len(scored) and peeked == 0,
        f"{text}; the test split was read exactly once at {once} of {len(scored)} points, and at {peeked} points of tuning",
    )


def x2_failures(facts: Facts) -> Finding:
    if facts.records.empty:
        return not_applicable("no records")
    counts = facts.records.status.value_counts().sort_index()
    silent = int(((facts.records.status != "ok") & facts.records.reason.isin([NONE, ""])).sum())
    absent = absent_rows(facts)
    text = ", ".join(f"{status} {count}" for status, count in counts.items())
    return judged(
        silent == 0 and absent == 0,
        f"{len(facts.records)} rows: {text}; not ok without a reason: {silent}; transfer points with no row: {absent}",
    )


def absent_rows(facts: Facts) -> int:
    """Points of the transfer design that have no row of whatever status.

    The design of a setting is every task, for each method at each point at which that method has a row, with each of the
    method's own seeds of the task.
    """
    total = 0
    for _, rows in facts.settings:
        scores = tabulate(rows)
        for arm, name in enumerate(scores.arms):
            total += int((scores.count[arm][scores.expected(name)][:, scores.ran(name)] == 0).sum())
    return total


def x3_blocks(facts: Facts) -> Finding:
    if facts.headlines.empty:
        return not_applicable(NO_HEADLINE)
    rows = facts.transfer
    counts = [
        f"{dataset}: {own.split.nunique()} splits, {len(own[['split', 'task']].drop_duplicates())} tasks, "
        f"{len(own[['pretrain_seed', 'seed']].drop_duplicates())} seed(s)"
        for dataset, own in rows.groupby("dataset", sort=True)
    ]
    return passed(f"the unit is the split, and seeds are averaged inside a task; {'; '.join(counts)}")


def x4_enough(facts: Facts) -> Finding:
    if facts.headlines.empty:
        return not_applicable(NO_HEADLINE)
    ran = facts.comparisons[facts.comparisons.status != NOT_RUN]
    few = ran[ran.n < MIN_CLUSTERS]
    if ran.empty:
        return not_applicable(NO_HEADLINE)
    text = f"{len(few)} of {len(ran)} contrasts have fewer than {MIN_CLUSTERS} splits and give no p"
    return judged(bool(few.p.isna().all()), text)


def x5_deterministic(facts: Facts) -> Finding:
    seed = facts.params.compare.seed
    return judged(
        bool(facts.records_hash),
        f"own generator for each contrast from seed {seed}; records {facts.records_hash or 'not hashed'}",
    )


def x6_batch_norm(facts: Facts) -> Finding:
    one_shot = facts.records[facts.records.stage.isin(["compress", "transfer"]) & (facts.records.bn != NONE)]
    one_shot = one_shot[one_shot.variant == DEFAULT]
    if one_shot.empty:
        return not_applicable("no one-shot results with batch normalisation")
    kinds = one_shot.groupby(["stage", "method"]).bn.agg(["first", "nunique"]).reset_index()
    single = [f"{row.stage} {row.method} ({row.first})" for row in kinds[kinds["nunique"] < 2].itertuples()]
    return judged(not single, f"shown only one way: {listed(single, 12)}")


def x7_controls(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable("no transfer cells in the records")
    ran = set(facts.transfer.method.unique())
    present = [name for name in CONTROLS if name in ran]
    absent = [name for name in CONTROLS if name not in present]
    return judged(not absent, f"present: {listed(present)}; absent: {listed(absent)}")


def x8_latency(facts: Facts) -> Finding:
    timed = facts.timings[facts.timings.latency_ms.notna()]
    if timed.empty:
        return not_applicable("no latency in the timings")
    bounded = bool(timed[["latency_low_ms", "latency_high_ms", "latency_dense_ms"]].notna().all(axis=None))
    repeats = facts.params.evaluate.latency_repeats
    return judged(
        bounded and repeats >= 30,
        f"{len(timed)} medians of {repeats} repeats (30 needed), "
        f"{'each' if bounded else 'not each'} with an interval and the dense model's",
    )


def x9_training_cost(facts: Facts) -> Finding:
    stages = ["pretrain", "grow", "sparsify", "prune", "tune", "transfer"]
    trained = facts.records[facts.records.stage.isin(stages) & (facts.records.steps > 0)]
    trained = trained[trained.status == "ok"].merge(
        facts.timings[["cell_key", "cpu_seconds"]], on="cell_key", how="left"
    )
    if trained.empty:
        return not_applicable("no training")
    counted, clocked = int(trained.train_macs.notna().sum()), int(trained.cpu_seconds.notna().sum())
    return judged(
        counted == clocked == len(trained),
        f"of {len(trained)} trained points {counted} have MACs and {clocked} seconds; masks are labelled simulated",
    )


def x10_version(facts: Facts) -> Finding:
    if facts.records.empty:
        return not_applicable("no records")
    made = facts.records[["suite", "suite_version"]].drop_duplicates()
    versions = sorted(made.suite + " version " + made.suite_version)
    return judged(len(versions) == 1, f"suites on this board: {listed(versions)}")


def x11_ties(facts: Facts) -> Finding:
    grouped = [board for board in facts.boards if board.rows and board.rows[0].groups]
    if not grouped:
        return not_applicable("no board with enough splits for groups")
    texts = []
    for board in grouped:
        letters = letter_order(letter for row in board.rows for letter in row.groups)
        groups = [[row.method for row in board.rows if letter in row.groups] for letter in letters]
        texts.append(f"{board.name}: {' | '.join(listed(group, 20) for group in groups)}")
    return passed("no order is claimed inside these groups: " + "; ".join(texts))


def x12_sanity_checks(facts: Facts) -> Finding:
    found = [(board, check) for board in facts.boards for check in board.sanity_checks]
    ran = [(board, check) for board, check in found if check.holds != NOT_APPLICABLE]
    if not ran:
        return not_applicable("no board on which a sanity check can be made")
    broken = [f"{board.name}: {check.name}: {check.looked_at}" for board, check in ran if check.holds == FAIL]
    names = sorted({check.name for _, check in found} - {check.name for _, check in ran})
    never = f"; made on no board: {listed(names)}" if names else ""
    return judged(
        not broken,
        f"{len(ran) - len(broken)} of {len(ran)} sanity checks on {len(facts.boards)} boards hold{never}"
        + (f"; broken: {'; '.join(broken)}" if broken else ""),
    )


def x13_robust(facts: Facts) -> Finding:
    if facts.headlines.empty:
        return not_applicable(NO_HEADLINE)
    rows = facts.headlines.loc[list(facts.unstable)].to_dict("records")
    names = [
        f"{row['method']} - {row['rival']} ({setting_words(row)}, {', '.join(causes)})"
        for row, causes in zip(rows, facts.unstable.values(), strict=True)
    ]
    return judged(
        not names,
        f"headlines that change without one rival, or with failures left out or set to chance: {listed(names)}",
    )


def x14_machines(facts: Facts) -> Finding:
    timed = facts.timings[facts.timings.latency_ms.notna()]
    if timed.empty:
        return not_applicable("no times are compared")
    width = float(np.nanmedian((timed.latency_high_ms - timed.latency_low_ms) / timed.latency_ms))
    machines = sorted(set(timed.machine_class))
    quiet = np.isfinite(width) and width <= 0.25
    return judged(
        len(machines) == 1 and quiet,
        f"machine classes: {listed(machines)}; typical interval {width:.0%} of the median (25 % allowed)",
    )


def x15_leaks(facts: Facts) -> Finding:
    if facts.transfer.empty:
        return not_applicable("no transfer cells in the records")
    rows = facts.transfer
    stated = (rows.leak != "") & ((rows.leak != NONE) | rows.task_split.isin(["unseen", "foreign"]))
    kinds = rows[["task_split", "leak"]].drop_duplicates()
    leaks = listed(sorted(kinds.task_split + ": " + kinds.leak))
    return judged(bool(stated.all()), f"{int(stated.sum())} of {len(stated)} transfer points say what leaks ({leaks})")


def x16_known_orders(facts: Facts) -> Finding:
    known = known_orders(facts.contrasts)
    if known.empty:
        return not_applicable("no positive control was run: GMP or RigL beside static, or an oracle beside random")
    absent = known[known.verdict != HIGHER]
    names = (
        f"{row['arm']} - {row['baseline']} ({control_words(row)}): {row['verdict']}"
        for row in absent.to_dict("records")
    )
    text = f"{len(known) - len(absent)} of {len(known)} orders that are known beforehand are shown"
    return judged(absent.empty, text + ("" if absent.empty else f"; not: {listed(names)}"))


def control_words(row: dict[Hashable, Any]) -> str:
    if row["study"] == "controls":
        return setting_name(row)
    return f"{row['dataset']} {row['backbone']}, {row['setup']}, {row['allocation']}, keep {row['budget_asked']:g}"
