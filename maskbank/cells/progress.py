"""Progress of a stage: a bar with ETA on a terminal, a line every 30 s elsewhere."""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tqdm import tqdm

EVERY_SECONDS = 30.0


@dataclass
class Progress:
    stage: str
    total: int
    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    spoken: float = field(default_factory=time.monotonic)
    bar: "tqdm | None" = None

    def __post_init__(self) -> None:
        if sys.stderr.isatty() and self.total:
            self.bar = tqdm(total=self.total, desc=self.stage, unit="cell", dynamic_ncols=True)

    def advance(self, status: str) -> None:
        self.counts[status] += 1
        now = time.monotonic()
        if self.bar is not None:
            self.bar.set_postfix_str(self.summary())
            self.bar.update()
        elif now - self.spoken >= EVERY_SECONDS:
            self.spoken = now
            done = self.counts.total()
            left = (now - self.started) / done * (self.total - done)
            print(f"{self.stage}: {done}/{self.total} cells ({self.summary()}), about {left:.0f} s left", flush=True)

    def summary(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
