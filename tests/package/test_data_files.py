"""Data files: where they are looked for, how they are checked, what is left behind."""

import gzip
import hashlib
import re
import sys

import pytest
import requests

from lstm.data import DataError, DataNotFoundError, Source, files

CONTENT = b"what the file should hold\n"
PACKED = gzip.compress(CONTENT, mtime=0)
ONE, TWO = "https://one.test/f", "https://two.test/f"


def source(name="some.txt"):
    """A file of two hosts; packed, if its name says so."""
    md5 = hashlib.md5(PACKED if name.endswith(".gz") else CONTENT).hexdigest()
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return Source(name, (ONE, TWO), f"md5:{md5}", sha256)


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
    """Make the network answer; gives the list of what it is asked: address, options."""
    asked = []

    def get(url, **options):
        asked.append((url, options))
        answer = answers.get(url, b"")
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, status=200 if answer else 404)

    monkeypatch.setattr("requests.get", get)
    return asked


def left_in(folder):
    return [p for p in folder.rglob("*") if p.is_file()]


# where


@pytest.fixture
def folder(offline, monkeypatch, tmp_path_factory):
    """A folder that LSTM_DATA names."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("LSTM_DATA", str(folder))
    return folder


def test_the_folder_that_LSTM_DATA_names_comes_first(offline, folder):
    (folder / "some.txt").write_bytes(CONTENT)
    (offline / "some.txt").write_bytes(CONTENT)
    assert files.find(source()) == folder / "some.txt"


@pytest.mark.parametrize("name", ["data", "~/data"])
def test_a_folder_may_be_relative_or_below_home(offline, monkeypatch, tmp_path, name):
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "some.txt").write_bytes(CONTENT)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(home)
    monkeypatch.setenv("LSTM_DATA", name)
    assert files.find(source()).samefile(home / "data" / "some.txt")


def test_none_looks_nowhere(offline, monkeypatch):
    (offline / "some.txt").write_bytes(CONTENT)
    monkeypatch.setenv("LSTM_DATA", "none")
    with pytest.raises(DataNotFoundError, match="LSTM_DATA is 'none'"):
        files.find(source())


def test_the_cache_comes_next(offline, folder):
    (offline / "some.txt").write_bytes(CONTENT)
    assert files.find(source()) == offline / "some.txt"


def test_the_cache_is_a_folder_of_our_own():
    assert "lstm-book" in files.cache_folder().parts


def test_then_the_network_and_the_file_is_kept(offline, monkeypatch):
    asked = serve(monkeypatch, {ONE: CONTENT})
    assert files.find(source()).read_bytes() == CONTENT
    assert files.find(source()) == offline / "some.txt"
    assert [url for url, _ in asked] == [ONE]


def test_a_host_is_waited_for_five_seconds_and_its_next_bytes_a_minute(
    offline, monkeypatch
):
    asked = serve(monkeypatch, {ONE: CONTENT})
    files.find(source())
    assert asked[0][1]["timeout"] == (5, 60)


def test_a_dead_host_is_asked_twice_and_gives_way_to_the_next(offline, monkeypatch):
    dead = requests.exceptions.ConnectionError("dead")
    asked = serve(monkeypatch, {ONE: dead, TWO: PACKED})
    wanted = source("some.gz")
    assert files.content(files.find(wanted)) == CONTENT
    assert [url for url, _ in asked] == [ONE, ONE, TWO]


# what is wrong


def test_no_network_names_three_ways_and_leaves_nothing(offline):
    with pytest.raises(DataNotFoundError) as caught:
        files.find(source())
    ways = "1. set LSTM_DATA", f"2. put the file at {offline}", "3. connect"
    assert all(way in str(caught.value) for way in ways)
    assert all(f"{url}: ConnectionError: " in str(caught.value) for url in (ONE, TWO))
    assert left_in(offline) == []


@pytest.mark.parametrize("body", [b"altered", CONTENT[:-5], b""])
def test_a_download_with_a_wrong_hash_is_refused_and_leaves_nothing(
    offline, monkeypatch, body
):
    serve(monkeypatch, {ONE: body, TWO: body})
    with pytest.raises(DataNotFoundError):
        files.find(source())
    assert left_in(offline) == []


def test_a_download_that_breaks_off_leaves_nothing(offline, monkeypatch):
    class Breaks(Response):
        def iter_content(self, chunk_size):
            yield self.body[:5]
            raise requests.exceptions.ConnectionError("broken off")

    monkeypatch.setattr("requests.get", lambda url, **options: Breaks(CONTENT))
    with pytest.raises(DataNotFoundError):
        files.find(source())
    assert left_in(offline) == []


def test_a_download_whose_content_is_wrong_though_its_archive_is_known_is_deleted(
    offline, monkeypatch
):
    good = source("some.gz")
    altered = Source(good.name, good.urls[:1], good.download, "0" * 64)
    serve(monkeypatch, {ONE: PACKED})
    with pytest.raises(DataNotFoundError, match="not the file it should be"):
        files.find(altered)
    assert left_in(offline) == []


def test_an_altered_file_in_the_cache_is_replaced(offline, monkeypatch):
    (offline / "some.txt").write_bytes(b"altered")
    serve(monkeypatch, {ONE: CONTENT})
    assert files.find(source()).read_bytes() == CONTENT


def test_an_altered_file_in_the_cache_goes_even_without_a_network(offline):
    (offline / "some.txt").write_bytes(b"altered")
    with pytest.raises(DataNotFoundError, match="it was removed"):
        files.find(source())
    assert left_in(offline) == []


DAMAGED = {
    "another text": ("some.txt", b"altered"),
    "no archive": ("some.gz", CONTENT),
    "a truncated archive": ("some.gz", PACKED[:-9]),
    "an archive altered within": ("some.gz", PACKED[:12] + b"\xff" + PACKED[13:]),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_an_altered_or_truncated_file_of_the_users_is_named_and_kept(folder, damage):
    name, body = DAMAGED[damage]
    (folder / name).write_bytes(body)
    with pytest.raises(DataError, match=re.escape(str(folder / name))) as caught:
        files.find(source(name))
    assert not isinstance(caught.value, DataNotFoundError)
    assert (folder / name).read_bytes() == body


def test_a_folder_that_is_not_there_is_named(offline, monkeypatch):
    monkeypatch.setenv("LSTM_DATA", str(offline / "nowhere"))
    with pytest.raises(DataError, match="nowhere.*which is not a folder"):
        files.find(source())


# what is missing


def test_without_pooch_the_command_to_run_is_named(monkeypatch):
    monkeypatch.delenv("LSTM_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataNotFoundError, match="run: pip install pooch"):
        files.find(source())


def test_without_requests_nothing_is_fetched_and_the_reason_is_named(
    offline, monkeypatch
):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(DataNotFoundError, match="ModuleNotFoundError"):
        files.find(source())


BARS = [("1", object(), False), ("", None, False), ("", object(), True)]


@pytest.mark.parametrize(("disable", "tqdm", "shown"), BARS)
def test_a_bar_is_shown_where_tqdm_is_and_TQDM_DISABLE_is_not(
    offline, monkeypatch, disable, tqdm, shown
):
    import pooch

    asked, downloader = [], pooch.HTTPDownloader

    def recorded(progressbar, timeout):
        asked.append(progressbar)
        return downloader(progressbar=False, timeout=timeout)

    monkeypatch.setenv("TQDM_DISABLE", disable)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: tqdm)
    monkeypatch.setattr(pooch, "HTTPDownloader", recorded)
    serve(monkeypatch, {ONE: CONTENT})
    assert files.find(source()).read_bytes() == CONTENT
    assert asked == [shown]
