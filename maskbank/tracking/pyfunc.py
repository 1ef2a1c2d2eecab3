"""A pretrained checkpoint as MLflow loads it: the code file of each registered model, copied beside its weights.

This file is run where a model is loaded, with maskbank installed, and not by this room: what it needs of the rooms above
it asks for when it is loaded. When a model is logged it imports no torch.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Network(PythonModel):
    """`model` is the torch module in eval mode, which takes normalised images; `classes` names its logits."""

    model: Any
    classes: list[str]

    def load_context(self, context: PythonModelContext) -> None:
        torch, checkpoint = import_module("torch"), import_module("maskbank.models.checkpoint")
        dataset = import_module("maskbank.data.dataset")
        about = json.loads(Path(context.artifacts["network"]).read_text())
        architecture = checkpoint.Architecture.of(about["architecture"])
        self.model = checkpoint.load_model(architecture, Path(context.artifacts["weights"]))
        self.classes = about["classes"]
        self.shape = (about["architecture"]["size"],) * 2 + (about["architecture"]["channels"],)
        self.data = dataset.DataSet(self.classes, torch.tensor(about["mean"]), torch.tensor(about["std"]), {})

    def predict(
        self, context: PythonModelContext, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Bytes [N, H, W, C] as in the data set -> logits [N, classes], float32. Other images are a ValueError."""
        if model_input.dtype != np.uint8 or model_input.shape[1:] != self.shape:
            given = f"{model_input.dtype} {list(model_input.shape)}"
            raise ValueError(f"images are {given}; expected uint8 [N, {', '.join(map(str, self.shape))}]")
        torch, batches = import_module("torch"), import_module("maskbank.data.batches")
        x, none = torch.tensor(model_input).permute(0, 3, 1, 2), torch.zeros(len(model_input), dtype=torch.int64)
        examples = import_module("maskbank.data.dataset").Examples(x, none, none)
        with torch.inference_mode():
            logits = [self.model(batch).float() for batch, _ in batches.evaluation_batches(self.data, examples)]
        return torch.cat(logits).numpy()


set_model(Network())
