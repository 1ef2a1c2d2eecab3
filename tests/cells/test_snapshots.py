"""Snapshots: what is kept comes back, and what cannot be trusted does not."""

from pathlib import Path

import pytest
import torch

from maskbank.cells.snapshots import Snapshots

STATE = {
    "step": 7,
    "nested": {"a": torch.arange(6).view(2, 3), "b": [1.5, None, "tensors are apart", torch.zeros(2, dtype=torch.uint8)]},
    "layout": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
}  # fmt: skip


def test_a_state_comes_back(tmp_path: Path) -> None:
    Snapshots(tmp_path, numerics="n").save(STATE)
    found = Snapshots(tmp_path, numerics="n").load()
    assert found is not None
    assert found["step"] == 7
    assert torch.equal(found["nested"]["a"], STATE["nested"]["a"])
    assert found["nested"]["b"][:3] == [1.5, None, "tensors are apart"]
    assert found["nested"]["b"][3].dtype == torch.uint8
    assert torch.equal(found["layout"], STATE["layout"])


def test_the_last_one_counts_and_none_is_left(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "cell")
    snapshots.save(STATE)
    snapshots.save({"step": 8})
    assert snapshots.load() == {"step": 8}
    snapshots.clear()
    assert snapshots.load() is None
    assert not (tmp_path / "cell").exists()


def test_another_class_of_machines_begins_anew(tmp_path: Path) -> None:
    Snapshots(tmp_path, numerics="avx2").save(STATE)
    assert Snapshots(tmp_path, numerics="avx512").load() is None


@pytest.mark.parametrize("harm", ["torn", "altered", "empty", "missing"])
def test_what_is_harmed_is_not_used(harm: str, tmp_path: Path) -> None:
    Snapshots(tmp_path).save(STATE)
    path = tmp_path / "snapshot"
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"torn": content[:-9], "altered": content[:-1] + bytes([content[-1] ^ 1]), "empty": b""}[harm])
    assert Snapshots(tmp_path).load() is None


def test_nowhere_to_keep_them_is_fine() -> None:
    snapshots = Snapshots()
    snapshots.save(STATE)
    assert not snapshots.due()
    assert snapshots.load() is None
    snapshots.clear()


def test_due_by_time(tmp_path: Path) -> None:
    assert Snapshots(tmp_path, every_s=0).due()
    assert not Snapshots(tmp_path, every_s=1000).due()
