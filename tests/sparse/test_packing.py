"""Sparse checkpoints: the same state bit for bit, in fewer bytes."""

from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file

from maskbank.cells.snapshots import Snapshots
from maskbank.errors import InputError, WorkError
from maskbank.sparse.packing import checkpoint_bytes, load_sparse, pack
from tests.sparse.conftest import MODEL, Begin


@pytest.mark.parametrize(("method", "budget"), [("gmp", 0.1), ("dense", 1.0), ("c_gap", 0.5)])
def test_the_same_state_comes_back(method: str, budget: float, start: Begin, tmp_path: Path) -> None:
    trainer = start(method, budget)
    trainer.run(Snapshots())
    save_file(pack(trainer.model, trainer.masks), tmp_path / "model.safetensors")
    model, masks = load_sparse(MODEL, tmp_path / "model.safetensors")
    for name, value in trainer.model.state_dict().items():
        other = model.state_dict()[name]
        assert value.dtype == other.dtype
        assert value.shape == other.shape
        assert value.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes(), name
    assert all(torch.equal(masks[name], trainer.masks[name]) for name in masks)
    assert set(masks) == (set() if method == "dense" else set(trainer.masks))
    x = torch.randn(2, 1, 8, 8).contiguous(memory_format=torch.channels_last)
    assert torch.equal(trainer.model.eval()(x), model(x))


def test_bytes(start: Begin) -> None:
    trainer = start("static", 0.1)
    trainer.run(Snapshots())
    found = checkpoint_bytes(trainer.model, trainer.masks)
    total, live = (sum(int(count(mask)) for mask in trainer.masks.values()) for count in (torch.numel, torch.sum))
    packed = pack(trainer.model, trainer.masks)
    values = sum(value.nbytes for name, value in packed.items() if name.endswith(":values"))
    bits = sum(value.nbytes for name, value in packed.items() if name.endswith(":live"))
    assert values == 4 * live
    assert total / 8 <= bits < total / 8 + len(trainer.masks)
    assert found["packed"] < found["dense"] < found["masked"]
    assert found["dense"] - found["packed"] == pytest.approx(4 * (total - live) - total / 8, rel=0.05)


def test_a_masked_weight_that_is_not_zero_is_refused(start: Begin) -> None:
    trainer = start("static", 0.5)
    trainer.run(Snapshots())
    name = trainer.goal.names[0]
    with torch.no_grad():
        trainer.weights[name][~trainer.masks[name]] = -0.0
    with pytest.raises(WorkError, match="a masked weight is not zero"):
        pack(trainer.model, trainer.masks)


def test_what_does_not_fit_is_named(start: Begin, tmp_path: Path) -> None:
    trainer = start("static", 0.5)
    trainer.run(Snapshots())
    packed, name = pack(trainer.model, trainer.masks), trainer.goal.names[0]
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="no such checkpoint"):
        load_sparse(MODEL, path)
    save_file({**packed, f"{name}:values": packed[f"{name}:values"][1:]}, path)
    with pytest.raises(InputError, match="do not agree"):
        load_sparse(MODEL, path)
    save_file({key: value for key, value in packed.items() if key != f"{name}:live"}, path)
    with pytest.raises(InputError, match=f"{name}: not in this checkpoint"):
        load_sparse(MODEL, path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_sparse(MODEL, path)
