"""SYNTHETIC sentences of a small grammar; a small Transformer that translates them, judged by corpus BLEU."""

import functools

import torch
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.seeds import numpy_generator
from maskbank.training.workload import Pairs, Workload
from maskbank.workloads.generators.sentences import END, LONGEST, PAD, SOURCE, START, TARGET, sentences
from maskbank.workloads.generators.sizes import check_sizes
from maskbank.workloads.models.transformer import Transformer

DATASET = "synthetic-language"
MODEL = "transformer"
METRIC = "bleu"
BATCH = 250


def workload(
    *,
    seed: int = 0,
    train: int = 4000,
    validation: int = 300,
    test: int = 500,
    dim: int = 64,
    heads: int = 4,
    inner: int = 128,
    layers: int = 2,
) -> Workload:
    """`train`, `validation`, `test`: sentences, all different; `inner`: width between the two linear layers of a layer.

    x [N, 42] int64 (see `sentences`), y [N, 22] int64. Test is drawn first, so that it is the same whatever the number
    of training sentences. Raises InputError for sizes that are too small or do not fit.
    """
    check_sizes("translation", least=0, seed=seed)
    check_sizes("translation", train=train, validation=validation, test=test, heads=heads, inner=inner, layers=layers)
    if dim < heads or dim % heads:
        raise InputError(f"sparsify.workloads.translation.dim = {dim!r}: expected a multiple of heads = {heads}")
    taken: set[tuple[str, ...]] = set()

    def part(number: int, count: int) -> Pairs:
        x, y = sentences(numpy_generator(seed, "translation", number), count, taken)
        return torch.from_numpy(x), torch.from_numpy(y)

    tested, validated = part(2, test), part(1, validation)
    build = functools.partial(Transformer, (len(SOURCE), len(TARGET)), LONGEST, dim, heads, inner, layers)
    return Workload(METRIC, build, loss, score, part(0, train), validated, tested)


def loss(outputs: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy, mean over words that are not padding: outputs [B, T, words], y [B, T]."""
    return F.cross_entropy(outputs.float().flatten(0, 1), y.flatten(), ignore_index=PAD)


@torch.no_grad()
def score(model: nn.Module, pairs: Pairs) -> float:
    """BLEU of the model's own translations: of x only the source is read."""
    x, y = pairs
    device, length = next(model.parameters()).device, y.shape[1]
    return bleu(
        torch.cat([greedy(model, source.to(device), length).cpu() for source in x[:, :-length].split(BATCH)]), y
    )


def greedy(model: nn.Module, source: Tensor, length: int) -> Tensor:
    """Translations [B, length] of source [B, S], the likeliest word at each place; PAD behind END.

    The model is given what it has said so far, and is not asked again for a sentence that it has ended.
    """
    said = torch.full((len(source), length + 1), PAD, device=source.device)
    said[:, 0] = START
    going = torch.arange(len(source), device=source.device)
    for place in range(length):
        words = model(torch.cat([source[going], said[going, : place + 1]], 1))[:, place].argmax(-1)
        said[going, place + 1] = words
        going = going[words != END]
        if not len(going):
            break
    return said[:, 1:]


def bleu(translated: Tensor, y: Tensor) -> float:
    """Corpus BLEU, 0 to 1: words up to END against the one reference, [N, T] both, up to 4-grams (sacrebleu)."""
    judge = BLEU(tokenize="none", force=True)
    return (
        float(judge.corpus_score([text(row) for row in translated.tolist()], [[text(row) for row in y.tolist()]]).score)
        / 100
    )


def text(row: list[int]) -> str:
    return " ".join(TARGET[number] for number in (row[: row.index(END)] if END in row else row))
