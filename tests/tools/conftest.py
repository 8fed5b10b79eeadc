"""A small project for the tools to work on: one chapter, and the pages that list it."""

import pytest

import contents
import sources

HEADER = """\
# ---
# part: Begin
# question: What is it?
# proved: nothing yet
# minutes: 0.05
# ---

"""
MARKS = "".join(f"<!-- {n} -->\n<!-- end of {n} -->\n" for n in ("chapters", "numbers"))
PAGE = f"Before.\n\n{MARKS}\nAfter.\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with chapters/src/01_small.py, README.md and book/intro.md."""
    (tmp_path / "chapters/src").mkdir(parents=True)
    (tmp_path / "book").mkdir()
    for name in ("README.md", "book/intro.md"):
        (tmp_path / name).write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(sources, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(contents, "ROOT", tmp_path)
    small = "# %% [markdown]\n# # 1. Small\n\n# %%\nprint(6 * 7, 123.4, 'x')\n"
    write(tmp_path / "chapters/src/01_small.py", small)
    return tmp_path


def write(source, cells):
    """Write a source, with a header."""
    source.write_text(HEADER + cells, encoding="utf-8")


@pytest.fixture
def source(project):
    """The project's one source."""
    return project / "chapters/src/01_small.py"


@pytest.fixture
def rewrite(source):
    """Give the source other cells."""
    return lambda cells: write(source, cells)
