"""Exactly the k largest of many tensors at once, but the best of each in any case; ties go to the lower index.

The threshold is looked for in a narrow band that a regular sample of the values points to; the counts above and
inside the band prove that it lies there, so that the result is exact, and no copy of all values is made.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE = 1 << 15  # values that the band is estimated from
SPREAD = 6  # standard deviations of the sampled rank that the band reaches on either side
PIECE = 1 << 17  # values looked at together, so that what is compared stays in the cache


def top(values: dict[str, Tensor], keep: int) -> dict[str, Tensor]:
    """Bool masks of exactly `keep` values: the best one of each tensor, then the largest of the others together.

    Equal values stay in order of tensor and index. Needs len(values) <= keep <= the number of values.
    """
    flat = {name: storage_order(value) for name, value in values.items()}
    if keep == sum(map(len, flat.values())):
        return {name: torch.ones_like(value, dtype=torch.bool) for name, value in values.items()}
    threshold = smallest_kept(list(flat.values()), keep)
    chosen = {name: part >= threshold for name, part in flat.items()}
    counts = {name: int(np.count_nonzero(part)) for name, part in chosen.items()}
    masks = {name: in_shape(chosen[name], value) for name, value in values.items()}
    for name, count in counts.items():
        if count == 0:
            masks[name][first_place(values[name] == float(flat[name].max()))] = True
            counts[name] = 1
    excess = sum(counts.values()) - keep
    for name in reversed(masks):
        ties = int(np.count_nonzero(flat[name] == threshold)) if excess else 0
        spare = min(excess, ties - (ties == counts[name]))
        if ties and spare:
            last = (values[name] == float(threshold)).nonzero()[-spare:]
            masks[name][tuple(last.T)] = False
            excess -= spare
    return masks


def first_place(found: Tensor) -> tuple[Tensor, ...]:
    return tuple(found.nonzero()[0])


def channels_last(values: Tensor) -> bool:
    return values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last)


def storage_order(values: Tensor) -> NDArray:
    """[n] the values as they lie in memory, without a copy where they are dense; numpy has no bfloat16."""
    values = values.detach()
    values = (values.permute(0, 2, 3, 1) if channels_last(values) else values).reshape(-1)
    return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()


def in_shape(flat: NDArray, like: Tensor) -> Tensor:
    """What lies in storage order, seen in the shape of `like`."""
    if channels_last(like):
        return torch.from_numpy(flat).reshape(like.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
    return torch.from_numpy(flat).reshape(like.shape)


def smallest_kept(parts: list[NDArray], keep: int) -> np.floating:
    """The value that the others (all but the best of each part) must reach so that `keep` stay with the best ones."""
    rank, total = keep - len(parts), sum(map(len, parts))
    if rank <= 0:
        return np.float64(np.inf)
    if total > 8 * SAMPLE:
        above, inside = others(parts, *band(parts, keep, total))
        if above < rank <= above + len(inside):
            return nth(inside, rank - above)
    return nth(others(parts, -np.inf, np.inf)[1], rank)


def others(parts: list[NDArray], low: float, high: float) -> tuple[int, NDArray]:
    """Of all but the best of each part: how many lie above the band from low to high, and those that lie in it."""
    above, inside = 0, []
    for part in parts:
        pieces = [part[start : start + PIECE] for start in range(0, len(part), PIECE)]
        higher = sum(int(np.count_nonzero(piece > high)) for piece in pieces)
        within = np.concatenate([piece[(piece >= low) & (piece <= high)] for piece in pieces])
        if higher == 0 and len(within):
            within = np.delete(within, within.argmax())
        above += max(0, higher - 1)
        inside.append(within)
    return above, np.concatenate(inside)


def band(parts: list[NDArray], rank: int, total: int) -> tuple[float, float]:
    """Two values between which the one of this rank is all but sure to lie."""
    sample = np.sort(np.concatenate([part[:: total // SAMPLE] for part in parts]))[::-1]
    share = rank / total
    slack = SPREAD * (len(sample) * share * (1 - share)) ** 0.5 + len(parts)
    first, last = int(share * len(sample) - slack), int(share * len(sample) + slack) + 1
    return (sample[last] if last < len(sample) else -np.inf), (sample[first] if first >= 0 else np.inf)


def nth(values: NDArray, rank: int) -> np.floating:
    """The rank-th largest."""
    place = len(values) - rank
    return np.partition(values, place)[place]
