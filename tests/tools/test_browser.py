"""A browser is found, installed, or asked for in one message."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import browser

TOOL = Path(browser.__file__)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No browser at hand, none of Playwright's, no root, and no network."""
    monkeypatch.delenv(browser.NAMED, raising=False)
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.setattr(browser, "CACHES", (str(tmp_path / "cache"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "playwrights", lambda: None)
    monkeypatch.setattr(browser, "is_root_on_debian", lambda: False)
    monkeypatch.setattr(browser, "reachable", lambda: False)
    return tmp_path


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def ends(*words):
    with pytest.raises(SystemExit) as caught:
        browser.main(list(words))
    return str(caught.value)


@pytest.mark.parametrize("words", [[], ["--can"]])
def test_with_no_way_to_one_a_message_says_what_to_do(bare, words):
    said = ends(*words)
    for way in ("apt-get install chromium", "LSTM_BROWSER", "LSTM_BROWSER=none"):
        assert way in said
    assert "\n" not in said


def test_a_browser_that_is_named_is_taken_before_one_on_the_path(bare, monkeypatch):
    on_path, named = program(bare / "chromium"), program(bare / "other/mine")
    assert browser.at_hand() == on_path
    monkeypatch.setenv(browser.NAMED, named)
    assert browser.at_hand() == named
    monkeypatch.setenv(browser.NAMED, "/not/there")
    for words in ([], ["--can"]):
        assert "LSTM_BROWSER names '/not/there', which is no program" in ends(*words)


@pytest.mark.parametrize("name", browser.NAMES)
def test_chromium_chrome_and_edge_will_do(bare, name):
    there = program(bare / name)
    assert browser.is_possible()
    assert browser.find() == there


def test_playwrights_own_is_taken_where_there_is_no_other(bare, monkeypatch):
    monkeypatch.setattr(browser, "playwrights", lambda: "/own/chrome")
    assert browser.find() == "/own/chrome"
    (bare / "cache/chromium-1234").mkdir(parents=True)
    assert browser.is_possible()


def test_playwrights_download_is_tried_first_and_then_debians_package(
    bare, monkeypatch
):
    tried = []
    monkeypatch.setattr(browser, "reachable", lambda: True)
    monkeypatch.setattr(browser, "is_root_on_debian", lambda: True)

    def fails(command):
        tried.append(command)
        return False

    monkeypatch.setattr(browser, "run", fails)
    assert browser.is_possible()
    assert browser.HELP in ends()
    assert tried[0][1:4] == ["-m", "playwright", "install"]
    assert [command[0] for command in tried[1:]] == ["apt-get", "apt-get"]
    assert {"chromium", "--yes"} <= set(tried[2])


def test_a_browser_that_does_not_start_is_named_in_one_line(bare):
    path = program(bare / "chromium")
    said = ends()
    assert said.startswith(f"error: {path} does not start: ")
    assert "\n" not in said


def test_none_means_that_no_browser_is_looked_for(bare, monkeypatch, capsys):
    monkeypatch.setenv(browser.NAMED, "none")
    browser.main([])
    browser.main(["--can"])
    assert capsys.readouterr().out == ""
    with pytest.raises(browser.NoBrowserError, match="needs a browser"):
        browser.find()


def test_a_host_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(browser, "PATIENCE", 0.2)

    def hangs(command, timeout, **options):
        assert timeout <= 1.2
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert not browser.reachable()


def test_an_answer_of_any_kind_is_an_answer_and_none_is_none(monkeypatch):
    monkeypatch.setattr(browser, "DOWNLOADS", "http://127.0.0.1:9/")
    assert not browser.reachable()
    done = SimpleNamespace(returncode=0)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: done)
    assert browser.reachable()


def test_looking_for_a_way_needs_nothing_but_python():
    """It runs before the environment is there: no package may be imported."""
    command = [sys.executable, "-I", "-S", TOOL, "--can"]
    named = {"LSTM_BROWSER": sys.executable}
    done = subprocess.run(command, env=named, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
