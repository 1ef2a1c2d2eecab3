"""What a machine decides: numeric precision, the numerics class, the machine class."""

import functools
import os
import platform
from pathlib import Path

import numpy as np
import torch

from maskbank.errors import InputError
from maskbank.files import hash_json


def native_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively; without it bfloat16 autocast is many times slower."""
    return bool(
        torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def resolve_precision(asked: str) -> str:
    """`auto` becomes bfloat16 where that is native, else float32."""
    return ("bfloat16" if native_bfloat16() else "float32") if asked == "auto" else asked


@functools.cache
def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def check_device(asked: str) -> None:
    """Raises InputError for a device that torch cannot use here."""
    kind, _, number = asked.partition(":")
    there = {
        "cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.device_count() > int(number or 0),
    }[kind]  # fmt: skip
    if not there:
        raise InputError(f"engine.device = {asked!r}: torch finds no such device on this machine; set it to cpu")


def numerics_class(precision: str) -> str:
    """Records are equal byte for byte within one class: processor features, BLAS, torch build, dtype, threads."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return hash_json(
        {
            "capability": torch.backends.cpu.get_cpu_capability(),
            "torch": torch.__version__,
            "numpy": [np.__version__, blas.get("name"), blas.get("version")],
            "mkldnn": torch.backends.mkldnn.is_available(),
            "coretype": os.environ.get("OPENBLAS_CORETYPE"),
            "precision": precision,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        },
        12,
    )


def machine_class() -> str:
    """Times are compared only within one class (rule X14)."""
    return hash_json({"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}, 12)
