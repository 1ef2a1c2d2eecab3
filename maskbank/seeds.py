"""Seeds of all that is drawn: one function of the seed of a run, of what is drawn, and of where and by which method.

Two draws with one seed are one draw, and torch's generator of the CPU looks at the low 32 bits of a seed alone. So every
draw names itself, and what is to be the same for several methods leaves their names out.
"""

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def sequence(seed: int, what: str, *where: object) -> np.random.SeedSequence:
    """The source of all that is drawn as `what` under these labels, any texts and numbers; labels differ, draws differ."""
    named = sha256("\0".join(map(str, (what, *where))).encode()).digest()
    return np.random.SeedSequence([seed, int.from_bytes(named)])


def seed_of(seed: int, what: str, *where: object) -> int:
    """A seed of 32 bits.

    >>> seed_of(0, "batches", "s0/t1") == seed_of(0, "batches", "s0/t1")
    True
    >>> seed_of(0, "batches", "s0/t1") == seed_of(0, "batches", "s0/t2")
    False
    """
    return int(sequence(seed, what, *where).generate_state(1)[0])


def torch_generator(seed: int, what: str, *where: object) -> "torch.Generator":
    import torch

    return torch.Generator().manual_seed(seed_of(seed, what, *where))


def numpy_generator(seed: int, what: str, *where: object) -> np.random.Generator:
    return np.random.default_rng(sequence(seed, what, *where))
