"""Progress of a stage: one line on a terminal, with ETA; elsewhere a line at each end and one every 30 s."""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tqdm import tqdm

EVERY_SECONDS = 30.0


@dataclass
class Progress:
    """Of `cells`, of which so many are `stored` already."""

    stage: str
    cells: int
    stored: int
    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    spoken: float = field(default_factory=time.monotonic)
    bar: "tqdm | None" = None

    def __post_init__(self) -> None:
        if sys.stderr.isatty() and sys.stdout.isatty():
            self.bar = tqdm(total=self.cells, initial=self.stored, desc=self.stage, unit="cell", dynamic_ncols=True)
        else:
            print(
                f"{self.stage}: {self.cells} cells, {self.stored} stored, {self.cells - self.stored} to run", flush=True
            )

    def advance(self, status: str) -> None:
        self.counts[status] += 1
        now = time.monotonic()
        if self.bar is not None:
            self.bar.set_postfix_str(self.summary())
            self.bar.update()
        elif now - self.spoken >= EVERY_SECONDS:
            self.spoken = now
            done, every = self.counts.total(), self.cells - self.stored
            left = (now - self.started) / done * (every - done)
            print(f"{self.stage}: {done}/{every} cells ({self.summary()}), about {left:.0f} s left", flush=True)

    def summary(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.counts:
            print(f"{self.stage}: {self.summary()} in {time.monotonic() - self.started:.0f} s", flush=True)
