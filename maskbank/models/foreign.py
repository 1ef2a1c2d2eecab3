"""Models of the user's own: built from timm's name or from a factory, and saved small once they are pruned.

A saved model is a folder: `model.safetensors` and `spec.json`. The spec names what builds the dense form and what its
modules say of themselves after pruning; widths are read off the tensors. Loading it needs no code but the builder's.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from torch import nn

from maskbank.errors import InputError
from maskbank.files import read_json, write_bytes, write_json
from maskbank.models.layout import ROWS, laid, lay_out
from maskbank.models.surgery import HEAD_COUNTS, HEAD_WIDTHS, put, set_widths

FORMAT = 1


def build(name: str, options: dict[str, Any]) -> nn.Module:
    """`package.module:function` called with the options, or else timm's model of this name, without its weights."""
    if ":" in name:
        module, _, function = name.partition(":")
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            made = getattr(importlib.import_module(module), function)(**options)
        except Exception as error:  # whatever code of the user's own may raise
            raise InputError(f"model {name}: cannot be built ({error}); expected package.module:function") from None
    else:
        import timm

        try:
            made = timm.create_model(name, pretrained=False, **options)
        except (RuntimeError, TypeError, ValueError) as error:
            reason = str(error).split("\n")[0]
            raise InputError(
                f"model {name}: timm cannot build it ({reason}); or give package.module:function"
            ) from None
    if not isinstance(made, nn.Module):
        raise InputError(f"model {name}: gives a {type(made).__name__}, not a torch.nn.Module")
    return lay_out(made, ROWS).eval()


def load_weights(model: nn.Module, path: Path) -> None:
    """Raises InputError for a file that is missing, torn, or of another model: the first tensor that does not fit is named."""
    state = read_tensors(path)
    own = model.state_dict()
    for name in sorted(own.keys() ^ state.keys()):
        where = "missing from the file" if name in own else "unknown to the model"
        raise InputError(f"{path}: tensor {name} is {where}; give the weights of this very model")
    for name, value in own.items():
        if value.shape != state[name].shape:
            shapes = f"{list(state[name].shape)}, the model's {list(value.shape)}"
            raise InputError(f"{path}: tensor {name} has the shape {shapes}; give the weights of this very model")
    model.load_state_dict(state)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None


def save_model(folder: Path, model: nn.Module, name: str, options: dict[str, Any], about: dict[str, Any]) -> None:
    """Write the folder; `about` goes into the spec (image, pruning, sizes). Tensors that modules share are stored once each."""
    state = {key: value.detach().contiguous().clone() for key, value in model.state_dict().items()}
    attributes = {
        module_name: kept
        for module_name, module in model.named_modules()
        if (kept := {key: getattr(module, key) for key in HEAD_COUNTS + HEAD_WIDTHS if is_count(module, key)})
    }
    given = set(build(name, options).state_dict())
    spec = {
        "format": FORMAT, "model": name, "options": options, "attributes": attributes,
        "new_biases": sorted(state.keys() - given), **about,
    }  # fmt: skip
    write_bytes(folder / "model.safetensors", save_tensors(state))
    write_json(folder / "spec.json", spec)


def is_count(module: nn.Module, key: str) -> bool:
    return isinstance(getattr(module, key, None), int)


def read_spec(folder: Path) -> dict[str, Any]:
    try:
        spec: dict[str, Any] = read_json(folder / "spec.json")
    except (FileNotFoundError, json.JSONDecodeError, InputError):
        raise InputError(f"{folder}: no readable spec.json; expected a folder that `maskbank prune` wrote") from None
    if spec.get("format") != FORMAT:
        raise InputError(f"{folder}/spec.json: format {spec.get('format')!r}; this version reads {FORMAT}")
    return spec


def load_model(folder: Path | str) -> nn.Module:
    """The pruned model in eval mode. Raises InputError where tensors and spec do not fit together."""
    folder = Path(folder)
    spec = read_spec(folder)
    model = build(spec["model"], spec["options"])
    state = read_tensors(folder / "model.safetensors")
    for name in spec["new_biases"]:
        model.get_submodule(name.rpartition(".")[0]).register_parameter("bias", nn.Parameter(torch.empty(0)))
    for name in sorted(model.state_dict().keys() ^ state.keys()):
        raise InputError(f"{folder}: tensor {name} is not in both the model and the file; prune it again")
    for name, value in state.items():
        put(model, name, laid(value))
    for name in {name.rpartition(".")[0] for name in state}:
        set_widths(model.get_submodule(name))
    for name, kept in spec["attributes"].items():
        for key, value in kept.items():
            setattr(model.get_submodule(name), key, value)
    return model.eval()
