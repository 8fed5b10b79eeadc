"""make check: what it runs, and how it ends."""

import subprocess
from types import SimpleNamespace

import pytest

import check


@pytest.fixture
def ran(monkeypatch):
    """The commands that were run; one whose words hold `failing` fails."""
    made = SimpleNamespace(commands=[], failing=None)

    def run(command, **options):
        made.commands.append(command[2:])
        return SimpleNamespace(returncode=3 if made.failing in command else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_without_a_chapter_no_notebook_and_no_page_is_run(ran):
    check.main([])
    assert [c[0] for c in ran.commands] == ["ruff", "ruff", "pytest"]
    words = " ".join(ran.commands[-1])
    assert "tests/book tests/package" in words.replace("--dist worksteal ", "")
    assert "tests/tools" in words
    assert "nbval" not in words
    assert "browser" not in words


def test_with_a_chapter_its_notebook_and_that_of_its_solutions_are_run(ran):
    check.main(["2"])
    assert [c[0] for c in ran.commands] == ["ruff", "ruff", "pytest"]
    *words, chapter, solutions = ran.commands[-1]
    assert chapter.endswith("chapters/02_scratch.ipynb")
    assert solutions.endswith("chapters/solutions/02_scratch.ipynb")
    assert {"--nbval", "tests/book"} <= {*words}
    assert "tests/package" not in words


def test_what_fails_ends_the_loop_with_its_status(ran):
    ran.failing = "format"
    with pytest.raises(SystemExit) as caught:
        check.main([])
    assert caught.value.code == 3
    assert len(ran.commands) == 2


def test_an_unknown_chapter_is_answered_before_anything_is_run(ran):
    with pytest.raises(SystemExit, match="no chapter '99': there are 01_theory"):
        check.main(["99"])
    assert ran.commands == []
