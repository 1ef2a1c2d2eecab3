"""The two-level bootstrap of a board: `python benchmarks/bootstrap.py [--methods 20] [--tasks 40] [--seeds 6]`.

50,000 resamples of all methods together, seeds averaged and seeds drawn too, in turns with a plain loop over resamples and
methods of the same draws' law. The loop takes fewer resamples, and its time is scaled up. One thread, CPU-seconds, medians.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from maskbank.statistics.resampling import resampled_means

RESAMPLES, LOOPED, REPEATS, TASKS_A_SPLIT = 50_000, 250, 5, 5


def looped(values: np.ndarray, splits: tuple[str, ...], resamples: int, generator: np.random.Generator) -> np.ndarray:
    """[resamples, methods]: the same draws for all methods, one resample and method at a time."""
    names = sorted(set(splits))
    members = [np.flatnonzero(np.array(splits) == name) for name in names]
    tasks = values.mean(axis=2)
    found = np.empty((resamples, len(values)))
    for row in range(resamples):
        drawn = [members[split] for split in generator.integers(0, len(names), len(names))]
        picks = [generator.choice(inside, len(inside)) for inside in drawn]
        for method, own in enumerate(tasks):
            found[row, method] = np.mean([own[pick].mean() for pick in picks])
    return found


def cpu_seconds(action: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    started = time.process_time()
    found = action()
    return time.process_time() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=6)
    given = parser.parse_args()
    generator = np.random.default_rng(0)
    values = generator.normal(0.6, 0.1, (given.methods, given.tasks, given.seeds))
    splits = tuple(f"s{task // TASKS_A_SPLIT:02d}" for task in range(given.tasks))
    ways = {
        "seeds averaged": (lambda: resampled_means(values, splits, RESAMPLES, np.random.default_rng(1)), 1.0),
        "seeds drawn too": (
            lambda: resampled_means(values, splits, RESAMPLES, np.random.default_rng(1), seeds=True),
            1.0,
        ),
        "loop": (lambda: looped(values, splits, LOOPED, np.random.default_rng(1)), RESAMPLES / LOOPED),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    spreads = {}
    for _ in range(REPEATS):
        for name, (action, scale) in ways.items():
            seconds, found = cpu_seconds(action)
            spent[name].append(seconds * scale)
            spreads[name] = found.std(axis=0).mean()
    if abs(spreads["loop"] / spreads["seeds averaged"] - 1) > 0.15:
        raise AssertionError(f"the loop does another bootstrap: {spreads}")
    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    print(f"{RESAMPLES} resamples of {given.methods} methods x {given.tasks} tasks x {given.seeds} seeds, CPU-seconds:")
    for name, seconds in medians.items():
        note = f" (from {LOOPED} resamples)" if name == "loop" else ""
        print(f"  {name:16} {seconds:8.3f}   {medians['loop'] / seconds:6.0f} x the speed of the loop{note}")


if __name__ == "__main__":
    main()
