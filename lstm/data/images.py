"""Handwritten digits as sequences: an image is its rows, read from top to bottom.

N number of images   L rows (time steps)   D pixels in a row (input size)
"""

import os
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from lstm.data.files import DataError, DataNotFoundError, Source, content, find

HOSTS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
DATASETS = ("mnist", "digits")


def _source(name, md5, sha256):
    return Source(
        f"mnist/{name}", tuple(host + name for host in HOSTS), f"md5:{md5}", sha256
    )


MNIST = (
    _source(
        "train-images-idx3-ubyte.gz",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _source(
        "train-labels-idx1-ubyte.gz",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    _source(
        "t10k-images-idx3-ubyte.gz",
        "9fb629c4189551a2d022fa330f9573f3",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _source(
        "t10k-labels-idx1-ubyte.gz",
        "ec29112dd5afa0611ce80d1b7f02629c",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


@dataclass(frozen=True)
class Images:
    """A training and a test set of images, rows as time steps."""

    name: str
    train_x: torch.Tensor  # (N, L, D), float32 in [0, 1]
    train_y: torch.Tensor  # (N), int64, 0 to 9
    test_x: torch.Tensor
    test_y: torch.Tensor


def load_images(name=None):
    """Return 70,000 images of 28 x 28 ('mnist'), or 1,797 of 8 x 8 ('digits').

    The digits are scikit-learn's. With no name, MNIST if it can be had, else the
    digits, and one line that says so. Raises ValueError for an unknown name;
    DataNotFoundError if MNIST, asked for by name, cannot be had.
    """
    if name is None:
        return _default(os.environ.get("LSTM_DATA"))
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise ValueError(f"unknown images {name!r}: expected one of {known}")
    return _mnist() if name == "mnist" else _digits()


@cache  # once for each setting: a dead network is not asked again and again
def _default(folder):
    try:
        return _mnist()
    except DataNotFoundError as error:
        reason = str(error).splitlines()[0]
        print(f"MNIST: {reason} Using scikit-learn's small digits instead.")
        return _digits()


def _mnist():
    train_x, train_y, test_x, test_y = (read_idx(find(source)) for source in MNIST)
    return Images("mnist", train_x / 255, train_y.long(), test_x / 255, test_y.long())


def _digits(tests=297):
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError(
            "the digits are scikit-learn's, which is missing; "
            "run: pip install scikit-learn"
        ) from error
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x = torch.tensor(data.images[order], dtype=torch.float32) / data.images.max()
    y = torch.tensor(data.target[order], dtype=torch.long)
    return Images("digits", x[:-tests], y[:-tests], x[-tests:], y[-tests:])


def read_idx(path):
    """Return the array of an IDX file of bytes as a tensor.

    Raises DataError if it is not one, or not whole.
    """
    data = content(path)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        begin = data[:4].hex() or "nothing"
        raise DataError(f"{path} is not an IDX file of bytes: it begins with {begin}")
    axes, shape = data[3], ()
    if len(data) >= 4 + 4 * axes:
        shape = tuple(map(int, np.frombuffer(data, ">i4", count=axes, offset=4)))
    body = data[4 + 4 * axes :]
    if len(shape) != axes or len(body) != int(np.prod(shape)):
        raise DataError(
            f"{path} is truncated: its header announces shape {shape}, "
            f"{len(body)} follow"
        )
    return torch.tensor(np.frombuffer(body, np.uint8).reshape(shape))
