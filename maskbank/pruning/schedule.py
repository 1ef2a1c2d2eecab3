"""Schedules: by which steps a model is brought to its budget; the score is computed anew at each."""

from maskbank.patterns import parse_schedule


def fractions(schedule: str, budget: float) -> list[float]:
    """The fraction left after each round, falling from 1 to the budget.

    iterative: equal steps. cubic: Zhu & Gupta 2017, large steps first. exponential: equal ratios (SynFlow, Tanaka et
    al. 2020, equation 6).
    """
    name, rounds = parse_schedule(schedule)
    done = [turn / rounds for turn in range(1, rounds)]
    if name == "exponential":
        return [*(budget**part for part in done), budget]
    if name == "cubic":
        return [*(budget + (1 - budget) * (1 - part) ** 3 for part in done), budget]
    return [*(1 - (1 - budget) * part for part in done), budget]
