"""Statistics of comparisons: tests, effects, bootstraps, rules, claims (numpy and scipy only).

`from maskbank.statistics import holm, tie_groups, ...` gives the names of `__all__`, each loaded when it is asked for.
"""

from importlib import import_module
from typing import Any

from maskbank.statistics.holm import holm  # a module of the same name: bound here, so that the name is the function

PUBLIC = {
    "aggregates": ("iqm", "weighted_iqm", "weighted_mean", "weighted_median"),
    "sanity": ("SanityCheck", "withdrawn"),
    "boards": ("all_boards", "leaderboard", "leaderboard_schema"),
    "contrast": ("Contrast", "measure"),
    "contrasts": ("every_contrast", "read_contrasts", "view"),
    "correlation": ("correlations",),
    "crossed": ("Crossed", "Design", "cross", "design"),
    "effects": ("interval", "probability_of_improvement", "tally"),
    "equivalence": ("not_below", "tost"),
    "groups": ("cliques", "letters", "tie_groups"),
    "holm": ("holm",),
    "matrix": ("pairwise_matrix",),
    "paired": ("paired_p",),
    "pairwise": ("PairTests", "pair_tests"),
    "planning": ("Plan", "plan_table", "power_lines", "splits_needed", "tasks_and_seeds_needed"),
    "power": ("detection_power", "minimal_detectable_effect", "pairs_needed"),
    "profiles": ("middle_means", "performance_profiles", "relative"),
    "ranks": ("friedman", "mean_ranks"),
    "resampling": ("first_shares", "resampled_means", "split_means", "task_weights"),
    "scores": ("Pairs", "pair", "tabulate"),
    "transfer": ("settings", "transfer_rows"),
    "normalised": ("Normalised", "normalised_scores", "normalised_means"),
    "variance": ("Components", "Sizes", "nested_components", "pair_components"),
}
MODULE = {name: module for module, names in PUBLIC.items() for name in names}

__all__ = ["holm", *sorted(set(MODULE) - {"holm"})]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Load a public name's module when the name is asked for."""
    if name in MODULE:
        return getattr(import_module(f"maskbank.statistics.{MODULE[name]}"), name)
    raise AttributeError(f"module 'maskbank.statistics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
