"""The tables that finished cells leave, column by column. `strict`: a table with another column is refused."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from maskbank.errors import InputError
from maskbank.records.labels import NONE as NONE
from maskbank.records.labels import SHUFFLED_LABELS as SHUFFLED_LABELS

SCHEMA_VERSION = 4
STATUSES = ["ok", "collapsed", "diverged", "failed", "timeout"]
ROLES = ["method", "rival", "control", "reference"]
FORMS = ["trained", "folded", NONE]  # of a pretrained model: as it was trained, or folded to an ordinary one
STOPS = ["steps", "loss", NONE]  # what ended the pretraining of the model: the number of steps, or a training loss
TASK_SPLITS = ["bank", "validation", "heldout", "unseen", "foreign", NONE]


class Table(pa.DataFrameModel):
    class Config:
        strict = True
        coerce = True
        ordered = True


class Records(Table):
    """One row a cell and evaluation point. Accuracies are fractions.

    MACs are of one example; those of training, selection and tuning are totals.
    """

    cell_key: str
    stage: str
    profile: str
    dataset: str
    backbone: str
    recipe: str
    method: str
    role: str = pa.Field(isin=ROLES)
    variant: str
    bank: str
    task: str
    task_split: str = pa.Field(isin=TASK_SPLITS)
    split: str
    ways: float = pa.Field(ge=2, nullable=True)
    shots: float = pa.Field(ge=1, nullable=True)
    pattern: str
    allocation: str
    schedule: str
    reconstruct: str
    bn: str
    form: str = pa.Field(isin=FORMS)
    activation_bits: float = pa.Field(ge=2, nullable=True)
    stop: str = pa.Field(isin=STOPS)
    setup: str
    budget_kind: str
    budget_asked: float = pa.Field(gt=0, nullable=True)
    budget_achieved: float = pa.Field(gt=0, nullable=True)
    steps: int = pa.Field(ge=0)
    pretrain_seed: float = pa.Field(ge=0, nullable=True)
    seed: int = pa.Field(ge=0)
    status: str = pa.Field(isin=STATUSES)
    reason: str
    accuracy: float = pa.Field(ge=0, le=1, nullable=True)
    accuracy_dense: float = pa.Field(ge=0, le=1, nullable=True)
    loss: float = pa.Field(ge=0, nullable=True)
    params: float = pa.Field(ge=0, nullable=True)
    params_dense: float = pa.Field(ge=0, nullable=True)
    macs: float = pa.Field(ge=0, nullable=True)
    macs_dense: float = pa.Field(ge=0, nullable=True)
    bytes: float = pa.Field(ge=0, nullable=True)
    train_macs: float = pa.Field(ge=0, nullable=True)
    selection_macs: float = pa.Field(ge=0, nullable=True)
    tuning_macs: float = pa.Field(ge=0, nullable=True)
    dense_hash: str
    splits_hash: str
    evidence_hash: str
    code_version: str
    schema_version: int = pa.Field(eq=SCHEMA_VERSION)
    suite: str
    suite_version: str
    tuning: str
    trials: int = pa.Field(ge=1)
    numerics_class: str
    leak: str

    class Config(Table.Config):
        unique = ["cell_key", "steps"]


class Metrics(Table):
    """Every other measure, long. `setting` says under what (an eps, a number of bins), or "none"."""

    cell_key: str
    steps: int = pa.Field(ge=0)
    metric: str
    setting: str
    value: float = pa.Field(nullable=True)

    class Config(Table.Config):
        unique = ["cell_key", "steps", "metric", "setting"]


class Curves(Table):
    """Training curves."""

    cell_key: str
    step: int = pa.Field(ge=0)
    metric: str
    value: float = pa.Field(nullable=True)

    class Config(Table.Config):
        unique = ["cell_key", "step", "metric"]


class Timings(Table):
    """What a clock or a machine decides: outside `records`, so that records are equal byte for byte when made again."""

    cell_key: str
    cpu_seconds: float = pa.Field(ge=0, nullable=True)
    wall_seconds: float = pa.Field(ge=0, nullable=True)
    selection_seconds: float = pa.Field(ge=0, nullable=True)
    adaptation_seconds: float = pa.Field(ge=0, nullable=True)
    latency_ms: float = pa.Field(ge=0, nullable=True)
    latency_low_ms: float = pa.Field(ge=0, nullable=True)
    latency_high_ms: float = pa.Field(ge=0, nullable=True)
    latency_dense_ms: float = pa.Field(ge=0, nullable=True)
    peak_memory_mb: float = pa.Field(ge=0, nullable=True)
    machine_class: str

    class Config(Table.Config):
        unique = ["cell_key"]


class Evidence(Table):
    """What an evaluated model answered: one byte an example for its class and one for its top-1 probability (in 1/255)."""

    cell_key: str
    steps: int = pa.Field(ge=0)
    answers_hash: str
    predicted: object
    probability: object

    class Config(Table.Config):
        unique = ["cell_key", "steps"]


class Answers(Table):
    """The right answers of a test set: example ids (uint32) and labels (uint8 or uint16), named by their hash."""

    answers_hash: str = pa.Field(unique=True)
    ids: object
    labels: object


PLAIN_TEXT = pd.StringDtype("python", na_value=np.nan)  # rows of it are taken many times faster than those of Arrow's
TABLES: dict[str, type[Table]] = {
    "records": Records,
    "metrics": Metrics,
    "curves": Curves,
    "timings": Timings,
    "evidence": Evidence,
    "answers": Answers,
}
SORT_KEYS = {
    "records": [
        "stage",
        "backbone",
        "recipe",
        "method",
        "split",
        "task",
        "budget_asked",
        "allocation",
        "cell_key",
        "steps",
    ],
    "metrics": ["cell_key", "steps", "metric", "setting"],
    "curves": ["cell_key", "metric", "step"],
    "timings": ["cell_key"],
    "evidence": ["cell_key", "steps"],
    "answers": ["answers_hash"],
}


def columns(name: str) -> list[str]:
    return list(TABLES[name].to_schema().columns)


def check_table(schema: type[Table], name: str, frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Give the frame the table's column order and types; an InputError names the first column and value that do not fit."""
    try:
        checked = pd.DataFrame(schema.validate(frame, lazy=True))
    except SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        fault = f"{first['column'] or 'column'} {first['check']}: {first['failure_case']}"
        raise InputError(f"{origin}: not a valid {name} table: {fault}") from None
    texts = [column for column, dtype in checked.dtypes.items() if isinstance(dtype, pd.StringDtype)]
    return checked.astype(dict.fromkeys(texts, PLAIN_TEXT))
