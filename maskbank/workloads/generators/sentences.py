"""SYNTHETIC sentences of a small English-like language and their translation into a made-up one.

The translation is a function of the sentence, and not word by word: time comes first and verbs last, adjectives follow
their noun and agree with its gender and number, verbs agree with the number of their subject, also across a relative
clause, negation ends its clause, and units come before tens.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOUNS = {
    "dog": ("kanto", "o"), "horse": ("ekvo", "o"), "king": ("rego", "o"), "ship": ("navo", "o"),
    "cat": ("mira", "a"), "bird": ("pila", "a"), "queen": ("sena", "a"), "star": ("luma", "a"),
    "girl": ("bebe", "e"), "tree": ("arbe", "e"), "frog": ("more", "e"), "house": ("dome", "e"),
}  # fmt: skip
ADJECTIVES = {"red": "rub", "small": "et", "old": "vet", "good": "bon", "cold": "frig", "long": "lung"}
VERBS = {"see": "vid", "follow": "sek", "help": "aud", "find": "trov", "love": "am", "lift": "port"}
UNITS = {
    "two": "du", "three": "tri", "four": "kvar", "five": "kin", "six": "ses", "seven": "sep", "eight": "ok", "nine": "nau",
}  # fmt: skip
TENS = {"twenty": "dudek", "thirty": "tridek", "forty": "kvardek", "fifty": "kindek"}
TIMES = {"yesterday": "ieri", "today": "ogi", "tomorrow": "domi"}
LONGEST = (20, 22)  # words of a sentence; words of its translation and its end

PAD, START, END = 0, 1, 2
SPECIAL = ("<pad>", "<start>", "<end>")
Words = list[str]
SOURCE = (
    *SPECIAL, "the", "a", "that", "do", "does", "not", *TIMES, *UNITS, *TENS, *ADJECTIVES,
    *(noun + ending for noun in NOUNS for ending in ("", "s")), *(verb + ending for verb in VERBS for ending in ("", "s")),
)  # fmt: skip
TARGET = (
    *SPECIAL, "ke", "ve", "nen", *TIMES.values(), *UNITS.values(), *TENS.values(),
    *(article + gender for article in ("l", "un") for gender in "oae"),
    *(word + ending for word, _ in NOUNS.values() for ending in ("", "s")),
    *(stem + gender + ending for stem in ADJECTIVES.values() for gender in "oae" for ending in ("", "s")),
    *(stem + ending for stem in VERBS.values() for ending in ("is", "in")),
)  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """A sentence or a part of one, in both languages."""

    source: Words
    target: Words
    plural: bool = False


def sentence(generator: np.random.Generator) -> Phrase:
    """Subject, sometimes with a relative clause, verb, object, sometimes a time: what is translated."""
    subject = noun_phrase(generator)
    relative = Phrase([], [])
    if generator.random() < 0.25:
        inner = clause(generator, subject.plural, noun_phrase(generator))
        relative = Phrase(["that", *inner.source], ["ke", *inner.target])
    main = clause(generator, subject.plural, noun_phrase(generator))
    when = [pick(generator, TIMES)] if generator.random() < 0.5 else []
    return Phrase(
        [*subject.source, *relative.source, *main.source, *when],
        [*(TIMES[each] for each in when), *subject.target, *relative.target, *main.target],
    )


def clause(generator: np.random.Generator, plural: bool, noun: Phrase) -> Phrase:
    """A verb of a subject of this number, its object and sometimes a negation."""
    verb, negated = pick(generator, VERBS), generator.random() < 0.2
    source = (["do" if plural else "does", "not"] if negated else []) + [verb if plural or negated else verb + "s"]
    return Phrase(source + noun.source, [*noun.target, VERBS[verb] + ("in" if plural else "is")] + ["nen"] * negated)


def noun_phrase(generator: np.random.Generator) -> Phrase:
    """A number or an article, sometimes an adjective, and a noun."""
    noun = pick(generator, NOUNS)
    word, gender = NOUNS[noun]
    plural = bool(generator.random() < 0.5)
    if plural:
        source, target = number(generator)
    else:
        source, target = (["the"], ["l" + gender]) if generator.random() < 0.5 else (["a"], ["un" + gender])
    several = "s" if plural else ""
    described = [pick(generator, ADJECTIVES)] if generator.random() < 0.5 else []
    return Phrase(
        [*source, *described, noun + several],
        [*target, word + several, *(ADJECTIVES[each] + gender + several for each in described)],
        plural,
    )


def number(generator: np.random.Generator) -> tuple[Words, Words]:
    """2 to 9, or 22 to 59 without the round ones: "forty two" is "du ve kvardek"."""
    unit = pick(generator, UNITS)
    if generator.random() < 0.6:
        return [unit], [UNITS[unit]]
    ten = pick(generator, TENS)
    return [ten, unit], [UNITS[unit], "ve", TENS[ten]]


def pick(generator: np.random.Generator, words: dict) -> str:
    return list(words)[int(generator.integers(len(words)))]


def sentences(
    generator: np.random.Generator, count: int, taken: set[tuple[str, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """x [count, 20 + 22] and y [count, 22], places in SOURCE and TARGET, of sentences that are not in `taken`.

    x holds the sentence, PAD behind it, then START and the translation without its last place: what a decoder is
    given when it is taught. y holds the translation, END and PAD. The sentences differ from each other and are added
    to `taken`; there are billions.
    """
    drawn: list[Phrase] = []
    while len(drawn) < count:
        phrase = sentence(generator)
        if tuple(phrase.source) not in taken:
            taken.add(tuple(phrase.source))
            drawn.append(phrase)
    long, width = LONGEST
    numbers = [{word: number for number, word in enumerate(words)} for words in (SOURCE, TARGET)]
    x = np.full((count, long + width), PAD, np.int64)
    y = np.full((count, width), PAD, np.int64)
    for row, phrase in enumerate(drawn):
        x[row, : len(phrase.source)] = [numbers[0][word] for word in phrase.source]
        y[row, : len(phrase.target) + 1] = [*(numbers[1][word] for word in phrase.target), END]
    x[:, long], x[:, long + 1 :] = START, y[:, :-1]
    return x, y
