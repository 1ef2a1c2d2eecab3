"""Fashion-MNIST: 70,000 grey images of 28 x 28 pixels in 10 classes, from a folder, Debian's package, or torchvision."""

import gzip
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskbank.data.raw import Raw
from maskbank.errors import InputError
from maskbank.files import hash_file, write_bytes

NAMES = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
CLASSES = len(NAMES)
IMAGE = (1, 28, 1000)  # channels, pixels a side, test images a class
SHA256 = {  # of the uncompressed files
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
PACKAGE = "dataset-fashion-mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADS = Path(".maskbank/downloads/fashion_mnist")


def load(path: Path | None, size: int | None) -> Raw:
    folder = find(path)
    arrays = {name: read_idx(folder / name) for name in SHA256}
    return Raw(
        arrays["train-images-idx3-ubyte"][..., None],
        arrays["train-labels-idx1-ubyte"].astype(np.int64),
        arrays["t10k-images-idx3-ubyte"][..., None],
        arrays["t10k-labels-idx1-ubyte"].astype(np.int64),
        NAMES,
    )


def find(path: Path | None) -> Path:
    """A folder of uncompressed, checked files: from `path` alone where given, else from the first way that works."""
    if path is not None:
        unpack(path, DOWNLOADS)
        return DOWNLOADS
    ways: dict[str, Callable[[], None]] = {
        "downloads": lambda: unpack(DOWNLOADS, DOWNLOADS),
        "installed Debian package": lambda: unpack(DEBIAN, DOWNLOADS),
        "apt-get download": lambda: fetch_debian([]),
        "apt-get download with own lists": lambda: fetch_debian(["update"]),
        "torchvision": fetch_torchvision,
    }
    tried = []
    for name, way in ways.items():
        try:
            way()
        except (InputError, OSError, subprocess.SubprocessError, RuntimeError) as error:
            tried.append(f"{name}: {str(error).splitlines()[0]}")
        else:
            return DOWNLOADS
    raise InputError(
        f"data.source = fashion_mnist: not to be had ({'; '.join(tried)}); set data.path to a folder that has it"
    )


def unpack(source: Path, target: Path) -> None:
    """Bring the four files, plain or gzipped, from `source` to `target` and check each against its SHA-256."""
    for name, expected in SHA256.items():
        plain, packed = source / name, source / f"{name}.gz"
        if not plain.is_file() and not packed.is_file():
            raise InputError(f"{packed}: no such file")
        if target / name != plain:
            try:
                content = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{packed}: corrupt ({error}); replace it") from None
            write_bytes(target / name, content)
        if hash_file(target / name, 64) != expected:
            (target / name).unlink()
            raise InputError(f"{plain if plain.is_file() else packed}: its SHA-256 is not Fashion-MNIST's; replace it")


def fetch_debian(commands: list[str]) -> None:
    """Download and unpack Debian's package without root; `update` first fetches package lists into a temporary folder."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise InputError("no apt-get here")
    with tempfile.TemporaryDirectory() as folder:
        options = []
        if commands:
            for part in ("state/lists/partial", "cache/archives/partial"):
                (Path(folder) / part).mkdir(parents=True)
            options = ["-o", f"Dir::State::Lists={folder}/state/lists", "-o", f"Dir::Cache={folder}/cache"]
        for command in [*commands, f"download {PACKAGE}"]:
            quiet: dict[str, int] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run(["apt-get", *options, *command.split()], cwd=folder, check=True, timeout=300, **quiet)  # type: ignore[call-overload]
        archive = next(Path(folder).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), f"{folder}/unpacked"], check=True, timeout=120)
        unpack(Path(folder) / "unpacked" / DEBIAN.relative_to("/"), DOWNLOADS)


def fetch_torchvision() -> None:
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as folder:
        FashionMNIST(folder, download=True)
        unpack(Path(folder) / "FashionMNIST" / "raw", DOWNLOADS)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read a file of the IDX format (bytes): magic 0, 0, 8, number of axes; big-endian sizes; values."""
    content = path.read_bytes()
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
