"""Images: MNIST's files as they are, the digits instead, and what is no image."""

import struct
import sys

import pytest
import torch
from sklearn.datasets import load_digits

from lstm.data import DataError, DataNotFoundError, images, load_images
from lstm.data.images import read_idx


def idx(body, shape, magic=b"\x00\x00\x08"):
    return magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}i", *shape) + body


# which


def test_without_a_name_the_digits_stand_in_and_it_says_so_once(offline, capsys):
    assert load_images() is load_images()
    assert load_images().name == "digits"
    assert capsys.readouterr().out.count("Using scikit-learn's small digits") == 1


def test_without_a_name_mnist_is_taken_where_it_is(offline, monkeypatch):
    monkeypatch.setattr(images, "_mnist", lambda: "mnist")
    assert load_images() == "mnist"


def test_by_name_nothing_falls_back(offline):
    with pytest.raises(DataNotFoundError, match="Three ways to provide it"):
        load_images("mnist")


def test_an_unknown_name_is_answered_with_the_known():
    with pytest.raises(ValueError, match="'cats': expected one of mnist, digits"):
        load_images("cats")


def test_without_scikit_learn_the_command_to_run_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="run: pip install scikit-learn"):
        load_images("digits")


# what they are


def test_mnists_four_files_are_pixels_from_0_to_1_and_labels(monkeypatch, tmp_path):
    written = {
        "train-images": idx(bytes([0, 51, 102, 153, 204, 255]), (3, 1, 2)),
        "train-labels": idx(bytes([7, 0, 9]), (3,)),
        "t10k-images": idx(bytes([255, 0]), (1, 1, 2)),
        "t10k-labels": idx(bytes([3]), (1,)),
    }

    def find(source):
        name = source.name.removeprefix("mnist/").split("-idx")[0]
        (tmp_path / name).write_bytes(written[name])
        return tmp_path / name

    monkeypatch.setattr(images, "find", find)
    mnist = load_images("mnist")
    assert mnist.train_x.tolist() == [
        [[0, pytest.approx(0.2)]],
        [[pytest.approx(0.4), pytest.approx(0.6)]],
        [[pytest.approx(0.8), 1]],
    ]
    assert mnist.test_x.tolist() == [[[1, 0]]]
    labels = mnist.train_y, mnist.test_y
    assert [y.tolist() for y in labels] == [[7, 0, 9], [3]]
    assert mnist.train_x.dtype == mnist.test_x.dtype == torch.float32
    assert {y.dtype for y in labels} == {torch.int64}


def test_digits_are_eight_rows_of_eight_pixels_split_the_same_way_each_time():
    digits, again = load_images("digits"), load_images("digits")
    assert digits.train_x.shape == (1500, 8, 8)
    assert digits.test_x.shape == (297, 8, 8)
    assert 0 == digits.train_x.min() < digits.train_x.max() == 1
    assert digits.train_x.dtype == torch.float32
    assert digits.train_y.dtype == torch.int64
    assert torch.equal(digits.test_x, again.test_x)
    assert set(digits.test_y.tolist()) == set(range(10))


def test_the_digits_are_scikit_learns_each_once_and_with_its_label():
    digits, theirs = load_images("digits"), load_digits()
    x = (torch.cat([digits.train_x, digits.test_x]) * 16).flatten(1).int().tolist()
    y = torch.cat([digits.train_y, digits.test_y]).tolist()
    pixels = theirs.images.reshape(-1, 64).astype(int).tolist()
    want = zip(pixels, theirs.target.tolist(), strict=True)
    assert sorted(zip(x, y, strict=True)) == sorted(want)


def test_the_real_mnist_if_it_is_here():
    try:
        real = load_images("mnist")
    except DataNotFoundError as error:
        pytest.skip(f"no MNIST here: {str(error)[:60]}")
    assert real.train_x.shape == (60_000, 28, 28)
    assert real.test_x.shape == (10_000, 28, 28)
    assert real.train_x.dtype == torch.float32
    assert 0 == real.train_x.min() < real.train_x.max() == 1
    assert torch.bincount(real.train_y).tolist()[:3] == [5923, 6742, 5958]


# IDX


def test_idx_is_read_as_the_array_it_is(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(idx(bytes(range(12)), (2, 2, 3)))
    assert read_idx(path).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


def test_idx_of_more_than_256_rows_is_read_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(idx(bytes(300), (300, 1)))
    assert read_idx(path).shape == (300, 1)


SHORT = r"truncated: its header announces shape \(2, 2\), 2 follow"
LONG = r"truncated: its header announces shape \(2,\), 3 follow"
BROKEN = [
    (b"", "not an IDX file of bytes: it begins with nothing"),
    (b"<!DOCTYPE html>", "not an IDX file of bytes: it begins with 3c21444f"),
    (idx(bytes(8), (2,), magic=b"\x00\x00\x0d"), "not an IDX file of bytes"),
    (idx(b"ab", (2, 2)), SHORT),
    (idx(b"abc", (2,)), LONG),
    (idx(b"", (2, 2))[:7], "truncated"),
]


@pytest.mark.parametrize(("raw", "message"), BROKEN)
def test_what_is_not_whole_idx_is_named(tmp_path, raw, message):
    path = tmp_path / "a"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_idx(path)
