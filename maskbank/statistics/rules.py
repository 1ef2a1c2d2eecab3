"""The rules of a fair benchmark (docs/rules.md), each evaluated by a function over the facts of a run."""

from collections.abc import Callable

from maskbank.statistics import rules_protocol as protocol
from maskbank.statistics import rules_setting as setting
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import Finding, Verdict

Rule = tuple[str, str, Callable[[Facts], Finding]]

RULES: tuple[Rule, ...] = (
    ("B1", "Three data set and architecture pairs before a general claim", setting.b1_pairs),
    ("B2", "Compression, theoretical speed-up and measured latency", setting.b2_costs),
    ("B3", "The unpruned reference with the same keys", setting.b3_control),
    ("B4", "Five operating points that span the range", setting.b4_points),
    ("B5", "n, mean, sd and interval in every cell", setting.b5_cells),
    ("B6", "The same dense start, data and search for all methods", setting.b6_same_start),
    ("B7", "Random and magnitude with the method's own widths", setting.b7_widths),
    ("B8", "Rankings by parameters and by MACs", setting.b8_two_rankings),
    ("W1", "Every comparison carries its setup", setting.w1_setup),
    ("W2", "Two retraining recipes and training from scratch", setting.w2_recipes),
    ("P1", "No winner without a test: ranks with intervals", setting.p1_ranks),
    ("P2", "Budgets achieved are those asked, or marked", setting.p2_budgets),
    ("X1", "Train, validation and test apart; test read once a point", protocol.x1_splits),
    ("X2", "Failed cells stay, with the reason", protocol.x2_failures),
    ("X3", "Seeds are not blocks", protocol.x3_blocks),
    ("X4", "No p-value below six splits", protocol.x4_enough),
    ("X5", "Statistics are deterministic given the records", protocol.x5_deterministic),
    ("X6", "One-shot results with and without BN re-estimation", protocol.x6_batch_norm),
    ("X7", "Transfer controls are present", protocol.x7_controls),
    ("X8", "Latency measured with repeats and intervals", protocol.x8_latency),
    ("X9", "Training cost in MACs and seconds", protocol.x9_training_cost),
    ("X10", "One suite version a board", protocol.x10_version),
    ("X11", "Tie groups are printed", protocol.x11_ties),
    ("X12", "Sanity checks hold", protocol.x12_sanity_checks),
    ("X13", "The headline survives any rival's removal and any failure policy", protocol.x13_robust),
    ("X14", "Times compared within one machine class", protocol.x14_machines),
    ("X15", "Leakage is stated", protocol.x15_leaks),
    ("X16", "Known orders appear", protocol.x16_known_orders),
)


def judge_rules(facts: Facts) -> list[Verdict]:
    """Every rule in order, with its verdict and what it looked at."""
    return [Verdict(name, title, *rule(facts)) for name, title, rule in RULES]
