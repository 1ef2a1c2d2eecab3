"""Translation: the grammar against a second translator, BLEU by hand, decoding that reads no answer."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from maskbank.workloads import translation
from maskbank.workloads.generators.sentences import (
    ADJECTIVES,
    END,
    LONGEST,
    NOUNS,
    PAD,
    SOURCE,
    START,
    TARGET,
    TENS,
    TIMES,
    UNITS,
    VERBS,
    sentence,
    sentences,
)
from maskbank.workloads.translation import bleu, greedy
from tests.workloads.tiny import Oracle, tiny

DRAWS = [sentence(np.random.default_rng([7, seed])) for seed in range(1500)]


def phrase(words: list[str]) -> tuple[list[str], bool]:
    """Translates the noun phrase at the front of `words` and takes it away; also whether it is plural."""
    head = [words.pop(0)]
    if head[0] in TENS:
        head.append(words.pop(0))
    adjective = ADJECTIVES[words.pop(0)] if words[0] in ADJECTIVES else ""
    plural = head[0] not in ("the", "a")
    noun, gender = NOUNS[words.pop(0).removesuffix("s" if plural else "")]
    if not plural:
        front = [{"the": "l", "a": "un"}[head[0]] + gender]
    else:
        front = [UNITS[head[0]]] if len(head) == 1 else [UNITS[head[1]], "ve", TENS[head[0]]]
    end = "s" if plural else ""
    return [*front, noun + end, *([adjective + gender + end] if adjective else [])], plural


def verb_phrase(words: list[str], plural: bool) -> list[str]:
    negated = words[0] in ("do", "does")
    if negated:
        assert [words.pop(0), words.pop(0)] == ["do" if plural else "does", "not"]
    verb = words.pop(0)
    assert verb.endswith("s") == (not plural and not negated), "agreement in the source"
    thing, _ = phrase(words)
    return [*thing, VERBS[verb.removesuffix("s")] + ("in" if plural else "is"), *["nen"] * negated]


def translate(source: list[str]) -> list[str]:
    words = list(source)
    when = [TIMES[words.pop()]] if words[-1] in TIMES else []
    subject, plural = phrase(words)
    relative = ["ke", *verb_phrase(words[1:], plural)] if words[0] == "that" else []
    if relative:
        del words[0]
        verb_phrase(words, plural)
    main = verb_phrase(words, plural)
    assert not words
    return when + subject + relative + main


def test_sentences_by_hand() -> None:
    for source, target in {
        "the red cat sees two dogs": "la mira ruba du kantos vidis",
        "forty two old trees that do not help a king love the star yesterday":
            "ieri du ve kvardek arbes vetes ke uno rego audin nen la luma amin",
        "a ship does not carry nine small girls": "uno navo nau bebes etes portis nen",
    }.items():  # fmt: skip
        assert translate(source.replace("carry", "lift").split()) == target.split()


def test_translations_are_a_function_of_the_sentence() -> None:
    for drawn in DRAWS:
        assert translate(drawn.source) == drawn.target


def test_the_grammar_uses_all_its_words_and_lengths() -> None:
    assert {word for drawn in DRAWS for word in drawn.source} == set(SOURCE[3:])
    assert {word for drawn in DRAWS for word in drawn.target} == set(TARGET[3:])
    assert len(set(SOURCE)) == len(SOURCE)
    assert len(set(TARGET)) == len(TARGET)
    assert max(len(drawn.source) for drawn in DRAWS) <= LONGEST[0]
    assert max(len(drawn.target) for drawn in DRAWS) < LONGEST[1]
    longest = "twenty two red cats that do not see fifty two old dogs do not love thirty two small stars today"
    assert (len(longest.split()), len(translate(longest.split())) + 1) == LONGEST


def test_arrays_hold_the_sentence_and_the_translation_twice() -> None:
    x, y = sentences(np.random.default_rng(0), 50, set())
    for given, wanted in zip(x, y, strict=True):
        source, shifted = given[:20], given[20:]
        words = [SOURCE[number] for number in source if number != PAD]
        end = wanted.tolist().index(END)
        assert translate(words) == [TARGET[number] for number in wanted[:end]]
        assert not source[len(words) :].any()
        assert not wanted[end + 1 :].any()
        assert shifted[0] == START
        assert shifted[1:].tolist() == wanted[:-1].tolist()


def test_sentences_differ_from_those_taken() -> None:
    taken: set[tuple[str, ...]] = set()
    sentences(np.random.default_rng(0), 30, taken)
    before = set(taken)
    sentences(np.random.default_rng(0), 30, taken)
    assert len(before) == 30
    assert len(taken) == 60


def numbers(*rows: str) -> torch.Tensor:
    return torch.tensor([[TARGET.index(word) for word in row.split()] for row in rows])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("la mira du kantos vidis <end>", 1),
        ("la mira du kantos vidis", 1),  # cut off at the right place
        ("la mira du kantos <end> vidis", math.exp(1 - 5 / 4)),  # all right, a word short
        ("la mira du kantos amis <end>", (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)),
        ("nen nen nen nen nen nen", 0),
        ("<end> la mira du kantos vidis", 0),
    ],
)
def test_bleu_by_hand(said: str, expected: float) -> None:
    """exp(1 - reference / length) where too short, times the geometric mean of the precisions (Papineni et al. 2002)."""
    assert bleu(numbers(said), numbers("la mira du kantos vidis <end>")) == pytest.approx(expected, abs=1e-9)


def test_bleu_is_of_the_corpus() -> None:
    """Counts are summed before they are divided: 6 of 8 words, 4 of 6 pairs and so on, not the mean over sentences."""
    truth = numbers("la mira du kantos <end>", "uno rego du kantos <end>")
    said = numbers("la mira du kantos <end>", "nen nen du kantos <end>")
    assert bleu(said, truth) == pytest.approx((6 / 8 * 4 / 6 * 2 / 4 * 1 / 2) ** (1 / 4))


class Told(torch.nn.Module):
    """Says the translation of each source word by word, whatever it said before."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        super().__init__()
        self.oracle = Oracle(x, F.one_hot(y, len(TARGET)).float(), LONGEST[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.oracle(x)[:, : x.shape[1] - LONGEST[0]]


class Parrot(torch.nn.Module):
    """Says at each place what it is given one place later: right under teacher forcing alone."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = torch.cat([x[:, LONGEST[0] + 1 :], torch.full((len(x), 1), END)], 1)
        return F.one_hot(given, len(TARGET)).float()


def test_a_model_that_knows_scores_one_and_a_parrot_nothing() -> None:
    workload = tiny(translation, test=300)
    x, y = workload.test
    assert workload.score(Told(x, y), (x, y)) == pytest.approx(1)
    assert (Parrot()(x).argmax(-1)[:, :-1] == y[:, :-1]).all()
    assert workload.score(Parrot(), (x, y)) < 0.01


def test_decoding_is_what_the_model_says_of_its_own_words() -> None:
    """Fed with its own words the model says them again; the answers in x are not read."""
    workload = tiny(translation)
    torch.manual_seed(1)
    model, (x, y) = workload.build().eval(), workload.test
    with torch.no_grad():
        said = greedy(model, x[:, :20], 22)
        again = model(torch.cat([x[:, :20], torch.full((len(x), 1), START), said[:, :-1]], 1)).argmax(-1)
    for mine, repeated in zip(said.tolist(), again.tolist(), strict=True):
        end = mine.index(END) + 1 if END in mine else 22
        assert mine[:end] == repeated[:end]
        assert not any(mine[end:])
    blind = x.clone()
    blind[:, 20:] = START
    assert workload.score(model, (x, y)) == workload.score(model, (blind, y))


def test_the_model_sees_no_later_word_and_no_padding() -> None:
    workload = tiny(translation)
    torch.manual_seed(0)
    model, x = workload.build().eval(), workload.train[0][:4]
    later = x.clone()
    later[:, 30:] = 5
    assert torch.allclose(model(x)[:, :10], model(later)[:, :10], atol=1e-6)
    assert not torch.allclose(model(x)[:, 10:], model(later)[:, 10:], atol=1e-3)
    assert torch.allclose(model(x[:, :27]), model(x)[:, :7], atol=1e-6)
    with torch.no_grad():
        model.source.words.weight[PAD] = 9.0  # what padding looks like does not matter
        padded = model(x)
        model.source.words.weight[PAD] = -9.0
    assert torch.allclose(padded, model(x), atol=1e-6)
    assert model(torch.zeros_like(x)).isfinite().all()


def test_loss_counts_words_alone() -> None:
    y = torch.tensor([[4, END, PAD, PAD]])
    logits = torch.zeros(1, 4, len(TARGET))
    assert float(translation.loss(logits, y)) == pytest.approx(math.log(len(TARGET)))
    logits[0, 2:, 7] = 50.0
    assert float(translation.loss(logits, y)) == pytest.approx(math.log(len(TARGET)))
