"""The store: what goes in comes out bit for bit, once, however it lies in packs; what is wrong is named."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from maskbank.bank.entry import Entry
from maskbank.bank.store import Identity, MaskBank, add, merge, open_bank, verify
from maskbank.errors import InputError

IDENTITY = Identity("resnet20", "dense1", (("conv", "channel", 5), ("fc", "node", 6)), 3)
CENTRES = torch.randn(12, 3, generator=torch.Generator().manual_seed(7)) + 4


def make_entry(task: str, classes: tuple[int, ...], dataset: str = "digits", seed: int = 0) -> Entry:
    """Random masks and scores; a class has the same prototype in every task."""
    generator = torch.Generator().manual_seed(seed + sum(map(ord, task)))
    return Entry(
        task=task,
        dataset=dataset,
        classes=classes,
        mask={name: (torch.rand(count, generator=generator) < 0.5).float() for name, _, count in IDENTITY.layers},
        soft={name: torch.rand(count, generator=generator) for name, _, count in IDENTITY.layers},
        head_weight=torch.randn(len(classes), 3, generator=generator),
        head_bias=torch.randn(len(classes), generator=generator),
        prototypes=CENTRES[list(classes)],
        accuracy=float(torch.rand((), generator=generator)),
        about={"learner": "amp", "seed": seed, "options": {"penalty": 1e-4}, "note": "ü"},
    )


ENTRIES = [
    make_entry("a", (0, 1)), make_entry("b", (2, 3, 4)), make_entry("c", (1, 2)), make_entry("d", (5,)),
    make_entry("e", (0, 1), "letters"), make_entry("f", (6, 7, 8)), make_entry("g", (9, 10)),
]  # fmt: skip


def made(folder: Path, entries: list[Entry]) -> MaskBank:
    add(folder, IDENTITY, entries)
    return open_bank(folder)


def pack_file(folder: Path) -> Path:
    (path,) = folder.glob("*.safetensors")
    return path


def same(a: Entry, b: Entry) -> bool:
    plain = ("task", "dataset", "classes", "accuracy", "about")
    tensors = ("head_weight", "head_bias", "prototypes")
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and all(torch.equal(getattr(a, name), getattr(b, name)) for name in tensors)
        and all(torch.equal(a.mask[name], b.mask[name]) and torch.equal(a.soft[name], b.soft[name]) for name in a.mask)
        and a.mask.keys() == b.mask.keys() == b.soft.keys()
    )


def by_task(bank: MaskBank) -> dict[str, Entry]:
    return {bank.task(index): bank.entry(index) for index in range(len(bank))}


def test_entries_come_back_bit_for_bit(tmp_path: Path) -> None:
    assert add(tmp_path, IDENTITY, ENTRIES) == len(ENTRIES)
    bank = open_bank(tmp_path, "dense1", verify=True)
    found = by_task(bank)
    assert bank.identity == IDENTITY
    assert all(same(found[entry.task], entry) for entry in ENTRIES)
    assert bank.ids == sorted(set(bank.ids))
    for index in range(len(bank)):
        entry = bank.entry(index)
        assert bank.classes(index) == entry.classes
        assert bank.dataset(index) == entry.dataset
        assert bank.accuracy(index) == entry.accuracy
        assert bank.about(index) == entry.about
        assert bank.find(bank.ids[index][:20]) == index


def test_arrays_are_those_of_the_entries(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)
    chosen = np.array([4, 0, 4, 6])
    masks = torch.stack([torch.cat(list(bank.entry(index).mask.values())) for index in chosen])
    soft = torch.stack([torch.cat(list(bank.entry(index).soft.values())) for index in chosen])
    assert bank.masks(chosen).dtype == bool
    assert np.array_equal(bank.masks(chosen), masks.numpy())
    assert np.array_equal(bank.scores(chosen), soft.numpy())
    assert np.array_equal(bank.mask_sum(chosen), masks.sum(0).numpy())
    assert np.array_equal(bank.ways(chosen), [len(bank.classes(index)) for index in chosen])
    split = bank.split(np.arange(11.0))
    assert {name: value.tolist() for name, value in split.items()} == {
        "conv": [0, 1, 2, 3, 4],
        "fc": [5, 6, 7, 8, 9, 10],
    }


def test_a_pack_is_a_safetensors_file_with_each_class_stored_once(tmp_path: Path) -> None:
    made(tmp_path, ENTRIES)
    arrays = load_file(pack_file(tmp_path))
    assert arrays["prototype_rows"].shape == (11, 3)  # 15 labels, of 11 classes
    assert arrays["mask"].shape == (7, 2)


def test_adding_twice_changes_nothing(tmp_path: Path) -> None:
    before = made(tmp_path, ENTRIES[:3]).hash
    assert add(tmp_path, IDENTITY, ENTRIES[:3]) == 0
    assert add(tmp_path, IDENTITY, [ENTRIES[3], ENTRIES[3], ENTRIES[0]]) == 1
    bank = open_bank(tmp_path)
    assert sorted(by_task(bank)) == ["a", "b", "c", "d"]
    assert bank.hash != before


def test_what_is_read_does_not_depend_on_packs(tmp_path: Path) -> None:
    """One add; one pack an entry in reverse; two overlapping banks merged: same bytes."""
    whole = made(tmp_path / "whole", ENTRIES)
    for entry in reversed(ENTRIES):
        add(tmp_path / "single", IDENTITY, [entry])
    made(tmp_path / "left", ENTRIES[:5])
    made(tmp_path / "right", ENTRIES[3:])
    assert merge(tmp_path / "merged", [tmp_path / "left", tmp_path / "right"]) == len(ENTRIES)
    assert merge(tmp_path / "merged", [tmp_path / "single"]) == 0
    assert merge(tmp_path / "left", [tmp_path / "right"]) == 2
    everything, target = np.arange(len(ENTRIES)), CENTRES[[0, 11]]
    for folder in ("single", "merged", "left"):
        bank = open_bank(tmp_path / folder)
        assert (bank.hash, bank.ids) == (whole.hash, whole.ids)
        assert all(same(bank.entry(index), whole.entry(index)) for index in everything)
        assert np.array_equal(bank.similarity(target, everything), whole.similarity(target, everything))
        assert np.array_equal(bank.label_free(target, everything), whole.label_free(target, everything))
        assert np.array_equal(bank.scores(everything), whole.scores(everything))
        assert np.array_equal(bank.free("digits", (1,)), whole.free("digits", (1,)))
    assert len(list((tmp_path / "single").glob("*.safetensors"))) == len(ENTRIES)
    assert pack_file(tmp_path / "merged").read_bytes() == pack_file(tmp_path / "whole").read_bytes()


def test_an_entry_that_two_writers_stored_counts_once(tmp_path: Path) -> None:
    """Both began before the other had finished: two packs with the same entry."""
    made(tmp_path / "one", ENTRIES[:2])
    made(tmp_path / "two", ENTRIES[1:3])
    other = pack_file(tmp_path / "two")
    (tmp_path / "one" / other.name).write_bytes(other.read_bytes())
    assert sorted(by_task(open_bank(tmp_path / "one", verify=True))) == ["a", "b", "c"]


def changed(name: str, value: Any) -> Callable[[Entry], Entry]:
    return lambda entry: replace(entry, **{name: value(getattr(entry, name))})


CHANGES = {
    "task": changed("task", lambda old: old + "x"),
    "dataset": changed("dataset", lambda old: old + "x"),
    "classes": changed("classes", lambda old: old[::-1]),
    "mask": changed("mask", lambda old: old | {"fc": 1 - old["fc"]}),
    "soft": changed("soft", lambda old: old | {"conv": old["conv"].nextafter(torch.tensor(9.0))}),
    "head_weight": changed("head_weight", lambda old: old.flip(0)),
    "head_bias": changed("head_bias", lambda old: old.flip(0)),
    "prototypes": changed("prototypes", lambda old: old.flip(0)),
    "accuracy": changed("accuracy", lambda old: np.nextafter(old, 1)),
    "about": changed("about", lambda old: old | {"seed": 9}),
}


def test_the_id_depends_on_every_field(tmp_path: Path) -> None:
    assert set(CHANGES) == set(Entry.__dataclass_fields__)
    variants = [ENTRIES[1], *(change(ENTRIES[1]) for change in CHANGES.values())]
    assert add(tmp_path, IDENTITY, variants) == len(variants)
    assert add(tmp_path / "other", replace(IDENTITY, dense_hash="dense2"), variants[:1]) == 1
    assert open_bank(tmp_path / "other").ids[0] not in open_bank(tmp_path).ids


def test_a_torn_pack_is_found_on_opening_wherever_it_ends(tmp_path: Path) -> None:
    made(tmp_path, ENTRIES)
    path = pack_file(tmp_path)
    content = path.read_bytes()
    for length in (0, 5, 100, 1500, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=f"{path.name}: torn or not a pack"):
            open_bank(tmp_path)
        assert [path.name in fault for fault in verify(tmp_path)] == [True]
    path.write_bytes(content + b"x")
    with pytest.raises(InputError, match="torn"):
        open_bank(tmp_path)


def test_an_altered_byte_of_any_array_is_found_and_named(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)
    assert verify(tmp_path) == []
    path = pack_file(tmp_path)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    assert len(header) == 17
    for name in set(header) - {"__metadata__"}:
        for place in header[name]["data_offsets"][0], header[name]["data_offsets"][1] - 1:
            altered = bytearray(content)
            altered[start + place] ^= 0x41
            path.write_bytes(altered)
            (fault,) = verify(tmp_path)
            assert path.name in fault
            with pytest.raises(InputError, match=path.name):
                open_bank(tmp_path, verify=True)
    altered = bytearray(content)
    altered[start + header["soft"]["data_offsets"][0]] ^= 1
    path.write_bytes(altered)
    assert f"entries {bank.ids[0]};" in verify(tmp_path)[0]


def test_folders_that_are_no_bank_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing/bank\.json: no such file; .*nothing is not a mask bank"):
        open_bank(tmp_path / "nothing")
    assert add(tmp_path / "empty", IDENTITY, []) == 0
    with pytest.raises(InputError, match="empty: the bank is empty"):
        open_bank(tmp_path / "empty")
    made(tmp_path / "bank", ENTRIES)
    (tmp_path / "bank/bank.json").write_text("{")
    with pytest.raises(InputError, match=r"bank\.json: not valid JSON"):
        open_bank(tmp_path / "bank")
    (tmp_path / "bank/bank.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match="format 2; this version reads format 1"):
        open_bank(tmp_path / "bank")


def test_another_model_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "bank", ENTRIES)
    with pytest.raises(InputError, match="made on checkpoint dense1, not on dense2"):
        open_bank(tmp_path / "bank", "dense2")
    for other, reason in (
        (replace(IDENTITY, dense_hash="dense2"), "dense_hash dense1 instead of dense2|dense2 instead of dense1"),
        (replace(IDENTITY, backbone="vit"), "backbone vit instead of resnet20"),
    ):
        with pytest.raises(InputError, match=reason):
            add(tmp_path / "bank", other, ENTRIES[:1])
        add(tmp_path / other.backbone / other.dense_hash, other, ENTRIES[:1])
        with pytest.raises(InputError, match="another model than the bank's"):
            merge(tmp_path / "bank", [tmp_path / other.backbone / other.dense_hash])
        with pytest.raises(InputError, match="another model than the bank's"):
            merge(tmp_path / "fresh", [tmp_path / "bank", tmp_path / other.backbone / other.dense_hash])
    stray = pack_file(tmp_path / "vit/dense1")
    (tmp_path / "bank" / stray.name).write_bytes(stray.read_bytes())
    with pytest.raises(InputError, match=f"{stray.name}: a pack of another bank"):
        open_bank(tmp_path / "bank")
    assert len(verify(tmp_path / "bank")) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: replace(e, classes=()), r"classes = \[\]: expected at least one"),
        (lambda e: replace(e, classes=(3, 3, 4)), r"classes = \[3, 3, 4\]: expected at least one, each once"),
        (lambda e: replace(e, accuracy=float("nan")), "accuracy = nan: expected a finite number"),
        (lambda e: replace(e, about={"x": float("inf")}), "about is not plain, finite JSON"),
        (lambda e: replace(e, mask={"conv": e.mask["conv"]}), "mask: layer fc is missing"),
        (lambda e: replace(e, soft=e.soft | {"x": e.soft["fc"]}), "soft: layer x is not of the bank"),
        (lambda e: replace(e, mask=e.mask | {"fc": torch.ones(4)}), r"mask of layer fc: shape \[4\]; .* have \[6\]"),
        (lambda e: replace(e, mask=e.mask | {"fc": torch.full((6,), 0.5)}), "mask holds values other than 0 and 1"),
        (lambda e: replace(e, soft=e.soft | {"fc": torch.full((6,), float("nan"))}), "soft of layer fc: NaN"),
        (lambda e: replace(e, prototypes=torch.ones(3, 4)), r"prototypes: shape \[3, 4\]; .* have \[3, 3\]"),
        (lambda e: replace(e, head_bias=torch.ones(2)), r"head_bias: shape \[2\]; .* have \[3\]"),
    ],
)
def test_entries_that_do_not_fit_are_refused(tmp_path: Path, change: Callable[[Entry], Entry], reason: str) -> None:
    with pytest.raises(InputError, match=f"entry b: {reason}"):
        add(tmp_path, IDENTITY, [ENTRIES[0], change(ENTRIES[1])])
    assert not list(tmp_path.glob("*.safetensors"))


def test_free_entries_share_no_class_of_their_data_set(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)

    def tasks(indices: np.ndarray) -> list[str]:
        return sorted(bank.task(index) for index in indices)

    assert tasks(bank.free("digits", (1, 4))) == ["d", "e", "f", "g"]
    assert tasks(bank.free("letters", (1, 4))) == ["a", "b", "c", "d", "f", "g"]
    assert tasks(bank.free("elsewhere", (1, 4))) == ["a", "b", "c", "d", "e", "f", "g"]
    assert tasks(bank.free("digits", (1, 4), ways=2)) == ["e", "g"]
    with pytest.raises(InputError, match="none of 4 class-disjoint entries has 4 classes; they have 1, 2, 3"):
        bank.free("digits", (1, 4), ways=4)
    single = made(tmp_path / "single", ENTRIES[:1])
    with pytest.raises(InputError, match=r"none of 1 entries is class-disjoint with the target \[3, 1\] of digits"):
        single.free("digits", (3, 1))


def defined_similarity(bank: MaskBank, target: torch.Tensor, index: int) -> float:
    """The definition, one pair at a time in float64."""
    every = [bank.entry(number) for number in range(len(bank))]
    distinct = {tuple(row.tolist()) for entry in every for row in entry.prototypes}
    rows = [torch.tensor(row).double() for row in distinct]
    centre = sum(rows) / len(rows)

    def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a - centre) @ (b - centre) / ((a - centre).norm() * (b - centre).norm()))

    stored, best, chance = every[index].prototypes.double(), 0.0, 0.0
    for wanted in target.double():
        best += max(cosine(wanted, row) for row in stored) / len(target)
        ordered = sorted(cosine(wanted, row) for row in rows)
        for place, value in enumerate(ordered):
            at_most = [((place + one) / len(rows)) ** len(stored) for one in (0, 1)]
            chance += value * (at_most[1] - at_most[0]) / len(target)
    return (best - chance) / (1 - chance)


def test_similarity_is_its_definition(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)
    target = torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) + 4
    chosen = np.array([6, 2, 0, 3, 5])
    expected = [defined_similarity(bank, target, int(index)) for index in chosen]
    assert bank.similarity(target, chosen) == pytest.approx(expected, abs=1e-5)


def test_a_task_that_the_bank_holds_is_nearest_to_itself(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)
    for entry in ENTRIES:
        similarity = bank.similarity(entry.prototypes, np.arange(len(bank)))
        assert similarity.max() == pytest.approx(1, abs=1e-5)
        assert bank.classes(int(similarity.argmax())) == entry.classes


def test_similarity_does_not_favour_many_ways(tmp_path: Path) -> None:
    """Random tasks of 2 and of 8 classes are as near to a random target on average; uncorrected, 8 would look nearer."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(40, 16, generator=generator)
    identity = replace(IDENTITY, features=16)
    entries = []
    for number in range(300):
        ways = 2 + 6 * (number % 2)
        classes = tuple(torch.randperm(40, generator=generator)[:ways].tolist())
        entry = make_entry(f"t{number}", tuple(range(ways)))
        entries.append(
            replace(entry, classes=classes, prototypes=rows[list(classes)], head_weight=torch.zeros(ways, 16))
        )
    add(tmp_path, identity, entries)
    bank = open_bank(tmp_path)
    everything = np.arange(len(bank))
    similarity = np.mean(
        [bank.similarity(torch.randn(5, 16, generator=generator), everything) for _ in range(30)], axis=0
    )
    few, many = (similarity[bank.ways(everything) == ways].mean() for ways in (2, 8))
    assert abs(few) < 0.02
    assert abs(many) < 0.02


def test_label_free_similarity_is_the_cosine_of_centred_means(tmp_path: Path) -> None:
    bank = made(tmp_path, ENTRIES)
    target = CENTRES[[3, 11]]
    centre = CENTRES[:11].double().mean(0)
    wanted = target.double().mean(0) - centre
    for index, found in enumerate(bank.label_free(target, np.arange(len(bank)))):
        mean = bank.entry(index).prototypes.double().mean(0) - centre
        assert found == pytest.approx(float(wanted @ mean / (wanted.norm() * mean.norm())), abs=1e-6)
    assert bank.label_free(target.flip(0), np.arange(7)) == pytest.approx(bank.label_free(target, np.arange(7)))


def test_nearest_equals_a_full_sort_with_equals_by_position(tmp_path: Path) -> None:
    entries = [make_entry(f"{name}{copy}", classes) for copy in range(4) for name, classes in
               (("p", (0, 1)), ("q", (2, 3)), ("r", (4, 5, 6)))]  # fmt: skip
    bank, target = made(tmp_path, entries), CENTRES[[1, 7, 9]]
    indices = np.array([11, 3, 5, 0, 9, 8, 1, 2])
    similarity = bank.similarity(target, indices)
    order = sorted(range(len(indices)), key=lambda place: (-similarity[place], place))
    for count in (1, 2, 3, 5, 8, 20):
        found, values = bank.nearest(target, indices, count)
        assert found.tolist() == indices[order[:count]].tolist()
        assert values.tolist() == similarity[order[:count]].tolist()
    with pytest.raises(InputError, match="count = 0: expected at least 1"):
        bank.nearest(target, indices, 0)
    with pytest.raises(InputError, match=r"prototypes of shape \[2, 5\]: expected \[ways, 3\]"):
        bank.nearest(torch.ones(2, 5), indices, 1)
    assert [len(part) for part in bank.nearest(target, np.array([], dtype=np.int64), 3)] == [0, 0]


def test_a_bank_of_one_class_has_no_similarity(tmp_path: Path) -> None:
    """The only prototype is the centre: nothing is nearer than anything."""
    bank = made(tmp_path, [make_entry("a", (3,)), make_entry("b", (3,))])
    assert bank.similarity(CENTRES[:2], np.arange(2)).tolist() == [0, 0]


def test_readers_see_whole_packs_while_a_writer_adds(tmp_path: Path) -> None:
    add(tmp_path, IDENTITY, [make_entry("t0", (0, 1))])

    def write() -> None:
        for number in range(1, 25):
            add(tmp_path, IDENTITY, [make_entry(f"t{number}", (number % 10, 10))])

    def read(_: int) -> list[int]:
        sizes = []
        for _ in range(12):
            bank = open_bank(tmp_path, verify=True)
            assert {bank.task(index) for index in range(len(bank))} == {f"t{number}" for number in range(len(bank))}
            sizes.append(len(bank))
        return sizes

    with ThreadPoolExecutor(4) as pool:
        writing, reading = pool.submit(write), list(pool.map(read, range(3)))
        writing.result()
    assert all(sizes == sorted(sizes) for sizes in reading)
    assert len(open_bank(tmp_path)) == 25
    assert verify(tmp_path) == []
