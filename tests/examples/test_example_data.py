"""The example's data: shapes, the fixed split, and Fashion-MNIST from IDX files that the tests write."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from data import FASHION_MNIST_FILES, Dataset, _fashion_mnist_class, load_dataset

from qgtune.errors import QGTuneError

pytestmark = pytest.mark.examples

N_IMAGES = 20
LABELS = bytes(i % 10 for i in range(N_IMAGES))
PIXELS = bytes((i * 7 + i // 784) % 256 for i in range(N_IMAGES * 28 * 28))


def _load(name: str, root: Path, *, fraction: float = 0.2, seed: int = 0) -> Dataset:
    return load_dataset(name, root=str(root), validation_fraction=fraction, split_seed=seed)


def _idx_file(name: str) -> bytes:
    """Return an unpacked IDX file: type 8 is unsigned bytes, then the number of dimensions and each size."""
    if "images" in name:
        return struct.pack(">BBBBIII", 0, 0, 8, 3, N_IMAGES, 28, 28) + PIXELS
    return struct.pack(">BBBBI", 0, 0, 8, 1, N_IMAGES) + LABELS


def _raw_folder(root: Path) -> Path:
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every download fail at once, as on a machine without a network."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def test_digits_have_64_features_and_ten_classes(tmp_path: Path) -> None:
    """Every image of scikit-learn's digits is in one of the two parts, scaled to [0, 1]."""
    digits = _load("digits", tmp_path)
    assert digits.train.images.shape == (1438, 64)
    assert digits.validation.images.shape == (359, 64)
    assert digits.train.images.dtype == torch.float32
    assert (digits.train.images.min().item(), digits.train.images.max().item()) == (0, 1)
    assert set(digits.validation.labels.tolist()) == set(range(10))


def test_the_split_depends_on_its_seed_alone(tmp_path: Path) -> None:
    """Torch's own seed does not move an image from one part to the other; `split_seed` does."""
    torch.manual_seed(1)
    one = _load("digits", tmp_path).validation.labels
    load_dataset.cache_clear()
    torch.manual_seed(2)
    assert torch.equal(one, _load("digits", tmp_path).validation.labels)
    assert not torch.equal(one, _load("digits", tmp_path, seed=1).validation.labels)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5], ids=["none", "all", "negative"])
def test_a_split_needs_images_on_both_sides(tmp_path: Path, fraction: float) -> None:
    """A fraction that leaves a part empty is named, with the range that works."""
    with pytest.raises(QGTuneError, match=r"data\.validation_fraction=.* leaves one part empty.*between 0 and 1"):
        _load("digits", tmp_path, fraction=fraction)


def test_an_unknown_data_set_names_the_known_ones(tmp_path: Path) -> None:
    """A slip in the name gets the list."""
    with pytest.raises(QGTuneError, match=r"'digit': it is unknown.*digits, fashion_mnist"):
        _load("digit", tmp_path)


@pytest.mark.usefixtures("no_network")
def test_fashion_mnist_reads_unpacked_files_without_a_network(tmp_path: Path) -> None:
    """Torchvision's class reads the IDX files that lie there; pixels and labels arrive unchanged."""
    folder = _raw_folder(tmp_path)
    for name in FASHION_MNIST_FILES:
        (folder / Path(name).stem).write_bytes(_idx_file(name))
    clothes = _load("fashion_mnist", tmp_path)
    assert clothes.train.images.shape == (16, 784)
    assert clothes.validation.images.shape == (4, 784)
    written = {PIXELS[i * 784 : (i + 1) * 784]: label for i, label in enumerate(LABELS)}
    read = {
        bytes((image * 255).round().to(torch.uint8).tolist()): label.item()
        for part in (clothes.train, clothes.validation)
        for image, label in zip(part.images, part.labels, strict=True)
    }
    assert read == written


@pytest.mark.usefixtures("no_network")
def test_fashion_mnist_unpacks_files_with_the_published_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed files laid there by hand are checked and unpacked, without a network."""
    folder, resources = _raw_folder(tmp_path), []
    for name in FASHION_MNIST_FILES:
        packed = gzip.compress(_idx_file(name))
        (folder / name).write_bytes(packed)
        resources.append((name, hashlib.md5(packed, usedforsecurity=False).hexdigest()))
    monkeypatch.setattr(_fashion_mnist_class(), "resources", resources)
    assert len(_load("fashion_mnist", tmp_path).train) == 16


@pytest.mark.usefixtures("no_network")
def test_missing_fashion_mnist_files_are_named_with_their_folder(tmp_path: Path) -> None:
    """One error says why the download failed, which four files are wanted, and where."""
    with pytest.raises(QGTuneError) as caught:
        _load("fashion_mnist", tmp_path)
    (problem,) = caught.value.problems
    assert problem.startswith("Cannot load Fashion-MNIST: ")
    assert "no route to host" in problem
    assert all(name in problem for name in FASHION_MNIST_FILES)
    assert str(tmp_path / "FashionMNIST" / "raw") in problem


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03", b"<html>", b"\0\0\x01\x01\0\0\0\1x"])
def test_a_damaged_fashion_mnist_file_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    """What lies there but is no IDX file ends in the same error, not in torchvision's assertion."""
    folder = _raw_folder(tmp_path)
    for name in FASHION_MNIST_FILES:
        (folder / Path(name).stem).write_bytes(content)
    with pytest.raises(QGTuneError, match=r"Cannot load Fashion-MNIST: \w.*Put the four files .* in place of"):
        _load("fashion_mnist", tmp_path)


def test_digits_do_not_import_torchvision(tmp_path: Path, root: Path) -> None:
    """Torchvision, with its operators that may not load, is imported for Fashion-MNIST only."""
    code = (
        "import sys, data; data.load_dataset('digits', root='.', validation_fraction=0.2, split_seed=0);"
        "print('torchvision' in sys.modules)"
    )
    path = {"PYTHONPATH": str(root / "examples")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=path, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
