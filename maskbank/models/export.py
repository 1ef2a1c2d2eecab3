"""Export of a model to formats that run without this suite: ONNX, checked against onnxruntime, and torch.export."""

import importlib
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from maskbank.errors import InputError, WorkError

TOLERANCE = 1e-4  # of the largest logit
FORMATS = ("onnx", "torch")


def needed(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f"export to ONNX: needs {package}; pip install 'maskbank[export]'") from None


def to_onnx(model: nn.Module, x: torch.Tensor, path: Path) -> float:
    """Write the model with a free batch size; returns the largest difference of onnxruntime's logits to torch's, relative.

    Raises WorkError where they disagree by more than 1e-4 of the largest logit, and InputError without the packages.
    """
    onnx, runtime = needed("onnx"), needed("onnxruntime")
    needed("onnxscript")
    path.parent.mkdir(parents=True, exist_ok=True)
    model = model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (x,), str(path), input_names=["image"], output_names=["logits"], dynamo=True, external_data=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},), verbose=False,
        )  # fmt: skip
    onnx.checker.check_model(str(path))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    logits = torch.from_numpy(session.run(None, {"image": x.numpy()})[0])
    return agree(model, x, logits, path)


def to_torch(model: nn.Module, x: torch.Tensor, path: Path) -> float:
    """Write a torch.export program, which loads by `torch.export.load(path).module()`; returns the difference as above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.export.export(model.eval(), (x,), dynamic_shapes=({0: batch},))
        torch.export.save(program, path)
        again = torch.export.load(path).module()
    with torch.no_grad():
        return agree(model, x, again(x), path)


@torch.no_grad()
def agree(model: nn.Module, x: torch.Tensor, logits: torch.Tensor, path: Path) -> float:
    expected = model(x)
    difference = float((logits - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not difference <= TOLERANCE:
        raise WorkError(
            f"{path}: its logits differ from torch's by {difference:.2g} of the largest, above {TOLERANCE:g}"
        )
    return difference
