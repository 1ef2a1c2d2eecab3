"""The mask bank on disk: a folder of immutable packs that is only ever added to.

`bank.json` says what model the masks are of; every `add` leaves one pack. Entries are named by their content and come in
the order of their ids, each once, however they lie in packs: what is read of a bank, and its hash, depend on the set
of its entries alone. Readers never lock and writers never wait: an entry that two of them stored counts once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from maskbank.bank.columns import Columns
from maskbank.bank.entry import Entry
from maskbank.bank.identity import Identity
from maskbank.bank.opened import BLOCK, MaskBank
from maskbank.bank.pack import SUFFIX, Column, Pack, altered_entries, checksum_holds, open_pack, pack_of, write_pack
from maskbank.bank.record import encode
from maskbank.bank.table import Index, Table, offsets_of
from maskbank.errors import InputError
from maskbank.files import read_json, write_json

__all__ = ["Identity", "MaskBank", "add", "merge", "open_bank", "verify"]

FORMAT = 1


def open_bank(folder: Path, dense_hash: str | None = None, verify: bool = False) -> MaskBank:
    """Open for reading. `dense_hash`: the checkpoint that masks must be of; `verify`: read all packs for their checksums.

    A folder that is missing, empty or of another checkpoint, and a pack that is torn or (with `verify`) altered, is an
    InputError that names it.
    """
    identity = read_identity(folder)
    if dense_hash not in (None, identity.dense_hash):
        raise InputError(
            f"{folder}: made on checkpoint {identity.dense_hash}, not on {dense_hash}; use a bank of that checkpoint"
        )
    packs = open_packs(folder, identity)
    if not packs:
        raise InputError(f"{folder}: the bank is empty; add entries to it (`maskbank bank add`, `dvc repro bank`)")
    for pack in packs if verify else []:
        if pack.path is not None and not checksum_holds(pack.path):
            raise InputError(f"{pack.path}: altered since it was written; see `maskbank bank verify {folder}`")
    return MaskBank(identity, packs)


def add(folder: Path, identity: Identity, entries: Iterable[Entry]) -> int:
    """Add entries to a bank, which is made where there is none; returns how many it did not have before."""
    offered = [pack_of(encode(identity, entry)) for entry in entries]
    return store(folder, identity, offered)


def merge(folder: Path, sources: Sequence[Path]) -> int:
    """Add the entries of other banks, as one pack; returns how many there were to add. A fresh folder compacts."""
    banks = [open_bank(source) for source in sources]
    if not banks:
        raise InputError(f"{folder}: no bank to merge; name at least one")
    for source, bank in zip(sources, banks, strict=True):
        check_same(banks[0].identity, bank.identity, source)
    return store(folder, banks[0].identity, [pack for bank in banks for pack in bank.packs])


def verify(folder: Path) -> list[str]:
    """One line for each pack with a fault, with the entries that are not what they say; none where all holds."""
    identity, faults = read_identity(folder), []
    for path in pack_files(folder):
        try:
            pack = open_pack(path, identity)
        except InputError as error:
            faults.append(str(error))
            continue
        wrong = altered_entries(pack, identity)
        if wrong or not checksum_holds(path):
            more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            which = (
                f"entries {', '.join(wrong[:3])}{more}" if wrong else "no entry's content, but the index of the pack"
            )
            faults.append(f"{path}: altered since it was written: {which}; restore it from a copy of the bank")
    return faults


def read_identity(folder: Path) -> Identity:
    path = folder / "bank.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {folder} is not a mask bank")
    about = read_json(path)
    try:
        if about["format"] != FORMAT:
            raise InputError(f"{path}: format {about['format']}; this version reads format {FORMAT}")
        layers = tuple((str(name), str(kind), int(count)) for name, kind, count in about["layers"])
        return Identity(about["backbone"], about["dense_hash"], layers, int(about["features"]))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a description of a mask bank ({error}); restore it") from None


def write_identity(folder: Path, identity: Identity) -> None:
    write_json(folder / "bank.json", {"format": FORMAT, **asdict(identity)})


def check_same(known: Identity, given: Identity, what: Path) -> None:
    if known != given:
        raise InputError(
            f"{what}: another model than the bank's: {known.differences(given)}; keep them in banks of their own"
        )


def pack_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def open_packs(folder: Path, identity: Identity) -> list[Pack]:
    return [open_pack(path, identity) for path in pack_files(folder)]


def store(folder: Path, identity: Identity, offered: Sequence[Pack]) -> int:
    """Write what the bank does not have of the packs offered."""
    if (folder / "bank.json").exists():
        check_same(read_identity(folder), identity, folder)
    else:
        write_identity(folder, identity)
    if not offered:
        return 0
    held = open_packs(folder, identity)
    union = Columns([*held, *offered])
    new = np.flatnonzero(union.places >= sum(map(len, held)))
    if len(new):
        columns, datasets = gather(union, new)
        write_pack(folder, identity, columns, datasets)
    return len(new)


def gather(union: Columns, chosen: Index) -> tuple[dict[str, Column], list[str]]:
    """The arrays of a pack of some of these entries, and its data sets."""
    ways = union.ways[chosen]
    offsets = offsets_of(ways)
    positions = np.repeat(union.first[chosen] - offsets[:-1], ways) + np.arange(offsets[-1])
    known, dataset = np.unique(union.datasets[chosen], return_inverse=True)
    columns = {name: rows_of(union.table(name), chosen) for name in ("accuracy", "soft", "ids", "mask")}
    columns |= {name: rows_of(Table(union.parts(name)), positions) for name in ("classes", "bias")}
    columns |= {"offsets": Column(offsets.shape, [offsets]), "dataset": Column(dataset.shape, [dataset])}
    for kind in ("head", "prototype"):
        place, number = union.distinct_rows(kind)
        used, index = np.unique(number[positions], return_inverse=True)
        columns[f"{kind}_index"] = Column(index.shape, [index])
        columns |= {name: rows_of(Table(union.parts(name), place), used) for name in (f"{kind}_ids", f"{kind}_rows")}
    return columns | texts(union, chosen), [union.dataset_names[number] for number in known]


def texts(union: Columns, chosen: Index) -> dict[str, Column]:
    lengths = Table([np.diff(offsets) for offsets in union.parts("text_offsets")], union.place).take(chosen)
    offsets = offsets_of(lengths)

    def text(index: int) -> bytes:
        pack, place = union.ids.locate(index)
        return union.packs[pack].text(place)

    blocks = (np.frombuffer(b"".join(map(text, block)), np.uint8) for block in in_blocks(chosen))
    return {"text": Column((int(offsets[-1]),), blocks), "text_offsets": Column(offsets.shape, [offsets])}


def rows_of(table: Table, index: Index) -> Column:
    return Column((len(index), *table.parts[0].shape[1:]), (table.take(block) for block in in_blocks(index)))


def in_blocks(index: Index) -> list[Index]:
    starts = [*range(0, len(index), BLOCK), len(index)]
    return [index[start:stop] for start, stop in pairwise(starts)]
