"""A pretrained checkpoint as MLflow's logged model: its files, and the run that it is an output of."""

import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import numpy as np
from numpy.typing import NDArray

from maskbank.errors import WorkError
from maskbank.files import write_json
from maskbank.tracking.checkpoints import CODE, Checkpoint, alias_names
from maskbank.tracking.store import Store, environment, is_server, shown_uri, store_uri

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

LOCAL = ("", "file")
NEEDED = ("mlflow", "numpy", "safetensors", "timm", "torch")  # maskbank itself is on no index; it must be installed
LOGGING = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_UV_AUTO_DETECT": "false"}


def is_whole(model: "LoggedModel") -> bool:
    """Whether a model was logged to its end, and its files, where they are on this machine, are still there."""
    place = urlparse(model.artifact_location)
    there = place.scheme not in LOCAL or (Path(unquote(place.path)) / "MLmodel").is_file()
    return there and model.status == "READY"


def check_place(store: Store) -> None:
    """Raises WorkError where a server would have us write its artifacts to a folder of its own machine."""
    place = store.client.get_experiment(store.experiment_id).artifact_location
    if is_server(store_uri()) and urlparse(place).scheme in LOCAL:
        raise refusal(f"it keeps artifacts in {place}, a folder of its own machine", "name a new track.experiment")


def refusal(reason: str, also: str) -> WorkError:
    return WorkError(
        f"MLflow at {shown_uri(store_uri())} takes no models ({reason}); start it with --serve-artifacts and {also}, "
        "or set track.models=false; the runs are in"
    )


def upload(store: Store, model: "LoggedModel", folder: Path) -> None:
    """Send the files of a model. Raises WorkError where a server does not take them."""
    try:
        store.client.log_model_artifacts(model.model_id, str(folder))
    except (import_module("mlflow.exceptions").MlflowException, OSError, ImportError) as error:
        if not is_server(store_uri()):
            raise
        first = shown_uri((str(error).strip() or type(error).__name__).splitlines()[0][:200])
        raise refusal(f"files sent to {model.artifact_location} did not arrive: {first}", "try again") from error


def tie(store: Store, model: "LoggedModel", run_id: str) -> None:
    """Make a logged model an output of a run."""
    output = import_module("mlflow.entities").LoggedModelOutput(model.model_id, 0)
    store.client.log_outputs(run_id, [output])


def log_checkpoint(store: Store, checkpoint: Checkpoint, run_id: str, example: NDArray[np.uint8]) -> "LoggedModel":
    """Log a checkpoint to the run of its cell: code, weights, architecture, signature and example; nothing is pickled."""
    models, types, pyfunc = (import_module(f"mlflow.{name}") for name in ("models", "types", "pyfunc"))
    checkpoint.check_weights()
    client, labels = store.client, ("backbone", "recipe", "seed", "stop", "split", "dataset")
    model = client.create_logged_model(
        store.experiment_id, name=f"{checkpoint.tags['backbone']}-{alias_names(checkpoint.tags)[0]}", source_run_id=run_id,
        tags={name: checkpoint.tags[name] for name in ("kind", "cell_key", "dense_hash", "content_hash")},
        params={name: checkpoint.tags[name] for name in labels}, model_type="classifier",
    )  # fmt: skip
    tie(store, model, run_id)
    shapes = [
        (np.dtype(np.uint8), (-1, *example.shape[1:])),
        (np.dtype(np.float32), (-1, len(checkpoint.about["classes"]))),
    ]
    inputs, outputs = (types.Schema([types.TensorSpec(*shape)]) for shape in shapes)
    with tempfile.TemporaryDirectory() as temporary, environment(LOGGING):
        architecture, folder = Path(temporary) / "network.json", Path(temporary) / "model"
        write_json(architecture, checkpoint.about)
        pyfunc.save_model(
            folder, python_model=str(CODE),
            artifacts={"weights": str(checkpoint.weights.absolute()), "network": str(architecture)},
            signature=models.ModelSignature(inputs, outputs), input_example=example,
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in NEEDED],
            mlflow_model=models.Model(
                artifact_path=model.artifact_location, model_uuid=model.model_id, model_id=model.model_id, run_id=run_id
            ),
        )  # fmt: skip
        upload(store, model, folder)
    return client.finalize_logged_model(model.model_id, "READY")
