"""Data: where they are looked for, how they are checked, what is done when there are none."""

import gzip
import hashlib
import re
import struct
import subprocess
import sys

import pytest
import requests
import torch

from lstm.data import (
    DataError,
    DataNotFoundError,
    Source,
    Vocab,
    clean,
    files,
    load_images,
    load_text,
    mask,
    windows,
)
from lstm.data.images import read_idx

CONTENT = b"what the file should hold\n"


def source(name="some.txt", body=CONTENT):
    raw = gzip.compress(body, mtime=0) if name.endswith(".gz") else body
    md5 = hashlib.md5(raw).hexdigest()
    return Source(
        name,
        ("https://one.test/f", "https://two.test/f"),
        f"md5:{md5}",
        hashlib.sha256(body).hexdigest(),
    )


class Response:
    """What requests.get would return."""

    def __init__(self, body, status=200):
        self.body, self.status = body, status
        self.headers = {"content-length": str(len(body))}
        self.raw = self

    def raise_for_status(self):
        if self.status >= 400:
            raise OSError(f"{self.status} error")

    def iter_content(self, chunk_size):
        yield self.body

    def close(self):
        pass


def serve(monkeypatch, answers):
    """Make the network answer; returns the list of addresses asked."""
    asked = []

    def get(url, **kwargs):
        asked.append(url)
        answer = answers.get(url, b"")
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, status=200 if answer else 404)

    monkeypatch.setattr("requests.get", get)
    return asked


def left_in(folder):
    return [p for p in folder.rglob("*") if p.is_file()]


# where


def test_the_folder_that_LSTM_DATA_names_comes_first(
    offline, monkeypatch, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("data")
    (folder / "some.txt").write_bytes(CONTENT)
    (offline / "some.txt").write_bytes(CONTENT)
    monkeypatch.setenv("LSTM_DATA", str(folder))
    assert files.find(source()) == folder / "some.txt"


def test_a_folder_may_be_relative_or_below_home(offline, monkeypatch, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    (home / "data" / "some.txt").write_bytes(CONTENT)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(home)
    for name in ("data", "~/data"):
        monkeypatch.setenv("LSTM_DATA", name)
        assert files.find(source()).read_bytes() == CONTENT


def test_none_looks_nowhere(offline, monkeypatch):
    (offline / "some.txt").write_bytes(CONTENT)
    monkeypatch.setenv("LSTM_DATA", "none")
    with pytest.raises(DataNotFoundError, match="LSTM_DATA is 'none'"):
        files.find(source())


def test_the_cache_comes_next(offline, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("LSTM_DATA", str(tmp_path_factory.mktemp("empty")))
    (offline / "some.txt").write_bytes(CONTENT)
    assert files.find(source()) == offline / "some.txt"


def test_then_the_network_and_the_file_is_kept(offline, monkeypatch):
    asked = serve(monkeypatch, {"https://one.test/f": CONTENT})
    assert files.find(source()).read_bytes() == CONTENT
    assert files.find(source()) == offline / "some.txt"
    assert asked == ["https://one.test/f"]


def test_a_dead_host_gives_way_to_the_next(offline, monkeypatch):
    answers = {
        "https://one.test/f": requests.exceptions.ConnectionError("dead"),
        "https://two.test/f": gzip.compress(CONTENT, mtime=0),
    }
    asked = serve(monkeypatch, answers)
    wanted = source("some.gz")
    assert files.content(files.find(wanted)) == CONTENT
    # one retry each
    assert asked == ["https://one.test/f"] * 2 + ["https://two.test/f"]


# what is wrong


def test_no_network_names_three_ways_and_leaves_nothing(offline):
    with pytest.raises(DataNotFoundError) as caught:
        files.find(source())
    assert all(
        way in str(caught.value)
        for way in ("1. set LSTM_DATA", f"2. put the file at {offline}", "3. connect")
    )
    assert left_in(offline) == []


@pytest.mark.parametrize("body", [b"altered", CONTENT[:-5], b""])
def test_a_download_with_a_wrong_hash_is_refused_and_leaves_nothing(
    offline, monkeypatch, body
):
    serve(monkeypatch, {"https://one.test/f": body, "https://two.test/f": body})
    with pytest.raises(DataNotFoundError):
        files.find(source())
    assert left_in(offline) == []


def test_a_download_that_breaks_off_leaves_nothing(offline, monkeypatch):
    class Breaks(Response):
        def iter_content(self, chunk_size):
            yield self.body[:5]
            raise requests.exceptions.ConnectionError("broken off")

    monkeypatch.setattr("requests.get", lambda url, **kwargs: Breaks(CONTENT))
    with pytest.raises(DataNotFoundError):
        files.find(source())
    assert left_in(offline) == []


def test_a_download_whose_content_is_wrong_though_its_archive_is_known_is_deleted(
    offline, monkeypatch
):
    good = source("some.gz")
    raw = gzip.compress(CONTENT, mtime=0)
    altered = Source(
        good.name, good.urls[:1], f"md5:{hashlib.md5(raw).hexdigest()}", "0" * 64
    )
    serve(monkeypatch, {"https://one.test/f": raw})
    with pytest.raises(DataNotFoundError, match="not the file it should be"):
        files.find(altered)
    assert left_in(offline) == []


def test_an_altered_file_in_the_cache_is_replaced(offline, monkeypatch):
    (offline / "some.txt").write_bytes(b"altered")
    serve(monkeypatch, {"https://one.test/f": CONTENT})
    assert files.find(source()).read_bytes() == CONTENT


def test_an_altered_file_in_the_cache_goes_even_without_a_network(offline):
    (offline / "some.txt").write_bytes(b"altered")
    with pytest.raises(DataNotFoundError, match="it was removed"):
        files.find(source())
    assert left_in(offline) == []


@pytest.mark.parametrize(
    ("name", "body"),
    [("some.txt", b"altered"), ("some.gz", gzip.compress(CONTENT, mtime=0)[:-9])],
)
def test_an_altered_or_truncated_file_of_the_users_is_named_and_kept(
    offline, monkeypatch, tmp_path_factory, name, body
):
    folder = tmp_path_factory.mktemp("data")
    (folder / name).write_bytes(body)
    monkeypatch.setenv("LSTM_DATA", str(folder))
    with pytest.raises(DataError, match=re.escape(str(folder / name))) as caught:
        files.find(source(name))
    assert not isinstance(caught.value, DataNotFoundError)
    assert (folder / name).read_bytes() == body


def test_a_folder_that_is_not_there_is_named(offline, monkeypatch):
    monkeypatch.setenv("LSTM_DATA", str(offline / "nowhere"))
    with pytest.raises(DataError, match="nowhere.*which is not a folder"):
        files.find(source())


def test_without_pooch_the_command_to_run_is_named(monkeypatch):
    monkeypatch.delenv("LSTM_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataNotFoundError, match="run: pip install pooch"):
        load_text("time-machine")


def test_without_tqdm_there_is_no_bar_and_no_error(offline, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    serve(monkeypatch, {"https://one.test/f": CONTENT})
    assert files.find(source()).read_bytes() == CONTENT


def test_without_requests_nothing_is_fetched_and_the_reason_is_named(
    offline, monkeypatch
):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(DataNotFoundError, match="ModuleNotFoundError"):
        files.find(source())


def test_without_scikit_learn_the_command_to_run_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="run: pip install scikit-learn"):
        load_images("digits")


# the defaults


def test_without_a_name_the_text_falls_back_and_says_so_once(offline, capsys):
    first, second = load_text(), load_text()
    assert first == second == load_text("embedded")
    assert capsys.readouterr().out.count("Using the embedded short story") == 1


def test_without_a_name_the_images_fall_back_and_say_so(offline, capsys):
    assert load_images().name == "digits"
    assert "Using scikit-learn's small digits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("load", "name"), [(load_text, "time-machine"), (load_images, "mnist")]
)
def test_by_name_nothing_falls_back(offline, load, name):
    with pytest.raises(DataNotFoundError, match="Three ways to provide it"):
        load(name)


@pytest.mark.parametrize(
    ("load", "known"),
    [(load_text, "time-machine, embedded"), (load_images, "mnist, digits")],
)
def test_an_unknown_name_is_answered_with_the_known(load, known):
    with pytest.raises(ValueError, match=f"'war-and-peace': expected one of {known}"):
        load("war-and-peace")


def test_the_embedded_text_is_long_enough_uses_all_letters_and_has_its_hero():
    words = load_text("embedded")
    assert sum(c.isalpha() for c in words) >= 12_000
    assert set(words) == set("abcdefghijklmnopqrstuvwxyz ")
    assert words.count("time traveller") >= 20
    assert len(Vocab(words)) == 28


def test_digits_are_eight_rows_of_eight_pixels_split_the_same_way_each_time():
    digits = load_images("digits")
    assert digits.train_x.shape == (1500, 8, 8)
    assert digits.test_x.shape == (297, 8, 8)
    assert 0 == digits.train_x.min() < digits.train_x.max() == 1
    assert torch.equal(digits.test_y, load_images("digits").test_y)
    assert set(digits.test_y.tolist()) == set(range(10))


def test_the_real_files_if_they_are_here():
    try:
        words, real = load_text("time-machine"), load_images("mnist")
    except DataNotFoundError as error:
        pytest.skip(f"no real data here: {str(error)[:60]}")
    assert words.startswith("the time machine by h g wells")
    assert len(Vocab(words)) == 28
    assert real.train_x.shape == (60_000, 28, 28)
    assert real.test_x.shape == (10_000, 28, 28)
    assert real.train_x.dtype == torch.float32
    assert 0 == real.train_x.min() < real.train_x.max() == 1
    assert torch.bincount(real.train_y).tolist()[:3] == [5923, 6742, 5958]


# IDX


def idx(body, shape, magic=b"\x00\x00\x08"):
    return magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}i", *shape) + body


def test_idx_is_read_as_the_array_it_is(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(idx(bytes(range(12)), (2, 2, 3)))
    assert read_idx(path).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not an IDX file"),
        (b"<!DOCTYPE html>", "not an IDX file"),
        (
            idx(b"ab", (2, 2)),
            r"truncated: its header announces shape \(2, 2\), 2 follow",
        ),
        (idx(b"", (2, 2))[:7], "truncated"),
    ],
)
def test_what_is_not_whole_idx_is_named(tmp_path, raw, message):
    path = tmp_path / "a"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_idx(path)


# text


def test_clean_keeps_letters_and_single_spaces():
    assert (
        clean("  The Time--Traveller (for so it) 1895!\n")
        == "the time traveller for so it"
    )


def test_vocab_goes_by_frequency_and_back():
    vocab = Vocab("banana")
    assert vocab.symbols == ["<unk>", "a", "n", "b"]
    assert vocab.encode("nab").tolist() == [2, 1, 3]
    assert vocab.decode([2, 1, 3]) == "nab"
    assert vocab.decode([0]) == "<unk>"
    assert Vocab("ba").symbols == [
        "<unk>",
        "a",
        "b",
    ]  # equally frequent: by the alphabet


def test_a_symbol_outside_the_vocabulary_is_named_with_its_place():
    with pytest.raises(
        ValueError,
        match="'é' at position 3 of 'café' is not in the vocabulary, which holds ' acf'",
    ):
        Vocab("a cf").encode("café")


def test_windows_are_disjoint_and_their_targets_come_next():
    inputs, targets = windows(torch.arange(11), 3)
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert torch.equal(targets, inputs + 1)
    # the last target is the last symbol
    assert len(windows(torch.arange(10), 3)[0]) == 3


def test_a_text_too_short_for_a_window_is_refused():
    with pytest.raises(ValueError, match="at least 1 symbol, got 0"):
        windows(torch.arange(3), 0)
    with pytest.raises(
        ValueError, match="a text of 3 symbols is too short for one window of 3"
    ):
        windows(torch.arange(3), 3)


def test_mask_hides_what_it_asks_for_and_nothing_else():
    sequences = torch.randint(1, 28, (50, 40))
    inputs, targets = mask(sequences, 0.15, torch.Generator().manual_seed(0))
    again, _ = mask(sequences, 0.15, torch.Generator().manual_seed(0))
    assert torch.equal(inputs, again)
    hidden = inputs == 0
    assert 0.12 < hidden.double().mean() < 0.18
    assert torch.equal(targets[hidden], sequences[hidden])
    assert (targets[~hidden] == -100).all()
    assert torch.equal(inputs[~hidden], sequences[~hidden])


# the command line


def test_the_command_line_says_what_is_used_and_helps():
    say = lambda *words: subprocess.run(
        [sys.executable, "-m", "lstm", *words], capture_output=True, text=True
    )
    assert "find, fetch and verify the data" in say("--help").stdout.lower()
    used = say("data")
    assert used.returncode == 0
    assert "images" in used.stdout
    wrong = say("bench", "--device", "cuda:99")
    assert wrong.returncode == 2
    assert "device 'cuda:99' is not available" in wrong.stderr
