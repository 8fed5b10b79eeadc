"""Stamping: one address goes into a copy, and nothing else changes."""

import re
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

import notebooks
import stamp

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/someone/some.where"
REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE = f"git+{REPOSITORY}@{REVISION}"
PAGES = ["_config.yml", "README.md", "book/intro.md"]
NOTEBOOKS = [p.relative_to(ROOT).as_posix() for p in notebooks.files(ROOT)]
NO_ADDRESSES = [
    "",
    "someone/somewhere",
    "https://example.org/a/b",
    stamp.PLACEHOLDER,
    "https://github.com/someone",
    "https://github.com/a/b/tree/main",
    'https://github.com/a/b"; import os',
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A stamped copy of the book."""
    folder = tmp_path_factory.mktemp("stamped")
    for path in [*PAGES, *NOTEBOOKS, "chapters/src/setup.py"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((ROOT / path).read_bytes())
    stamp.stamp(folder, REPOSITORY, REVISION)
    return folder


def text_of(folder, path):
    return (folder / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [REPOSITORY, REPOSITORY + "/", REPOSITORY + ".git"])
def test_an_address_is_taken_as_people_write_it(given):
    assert stamp.github(given) == REPOSITORY


@pytest.mark.parametrize("given", NO_ADDRESSES)
def test_any_other_is_refused_and_named(given):
    with pytest.raises(ValueError, match=re.escape(repr(given))):
        stamp.github(given)


def test_the_repository_itself_holds_no_address():
    config = yaml.safe_load(text_of(ROOT, "_config.yml"))
    assert "repository" not in config
    assert "launch_buttons" not in config


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_set_up_cell_holds_the_address_and_nothing_else_changes(tree, path):
    cell = nbformat.read(tree / path, as_version=4).cells[1].source
    assert f'SOURCE = "{SOURCE}"' in cell
    compile(cell, path, "exec")
    before, after = text_of(ROOT, path), text_of(tree, path)
    assert before != after
    assert after.replace(f'\\"{SOURCE}\\"', '\\"\\"') == before


def test_the_set_up_cells_source_is_stamped_alike(tree):
    after = text_of(tree, "chapters/src/setup.py")
    assert f'SOURCE = "{SOURCE}"' in after
    assert after.replace(SOURCE, "") == text_of(ROOT, "chapters/src/setup.py")


def test_launch_buttons_badges_and_links_come_from_the_one_value(tree):
    config = yaml.safe_load(text_of(tree, "_config.yml"))
    assert config["repository"] == {"url": REPOSITORY, "branch": "colab"}
    assert config["html"]["baseurl"] == "https://someone.github.io/some.where/"
    readme, intro = text_of(tree, "README.md"), text_of(tree, "book/intro.md")
    for path in NOTEBOOKS:
        if "solutions" in path:  # they have their launch buttons, not a badge
            continue
        place = f"github/someone/some.where/blob/colab/{path}"
        assert f"https://colab.research.google.com/{place}" in readme
    for file in (stamp.PDF, stamp.ZIP):
        assert f"https://someone.github.io/some.where/{file}" in intro
    assert stamp.PLACEHOLDER not in readme + intro


def test_the_opening_page_gets_buttons_a_picture_and_links_to_colab(tree):
    intro = text_of(tree, "book/intro.md")
    assert "<!-- buttons -->" not in intro
    assert "<!-- colab" not in intro
    site = "https://someone.github.io/some.where/"
    assert f"[PDF]({site}lstm-book.pdf){{.button}}" in intro
    said = yaml.safe_load(intro.split("---")[1])["myst"]["html_meta"]
    assert said["property=og:image"] == f"{site}_static/lstm_cell.png"
    assert (ROOT / "book/_static/lstm_cell.png").exists()


def test_alone_a_notebook_leads_to_the_published_pages(tmp_path):
    text = (
        "[one](01_a.ipynb#1.2-Why) [two](#eq-1.3) [three](../book/glossary.md#term-x) "
        "[four](https://example.org) [five](solutions/01_a.ipynb)"
    )
    folder = tmp_path / "chapters"
    folder.mkdir()
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("a[1](2)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "02_b.ipynb")
    stamp.stand_alone(tmp_path, "https://x.org/")
    found, code = nbformat.read(folder / "02_b.ipynb", as_version=4).cells
    assert found.source == (
        "[one](https://x.org/chapters/01_a.html#1.2-Why) "
        "[two](https://x.org/chapters/02_b.html#eq-1.3) "
        "[three](https://x.org/book/glossary.html#term-x) "
        "[four](https://example.org) [five](https://x.org/chapters/solutions/01_a.html)"
    )
    assert code.source == "a[1](2)"


def test_the_site_of_a_repository_is_its_pages_address():
    github = "https://github.com"
    assert stamp.site(f"{github}/Some/book") == "https://some.github.io/book/"
    assert stamp.site(f"{github}/me/me.github.io") == "https://me.github.io/"


def test_a_chapter_without_its_set_up_cell_is_not_stamped_in_silence(tmp_path):
    (tmp_path / "chapters/src").mkdir(parents=True)
    (tmp_path / "chapters/src/setup.py").write_text(stamp.UNSTAMPED, encoding="utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(notebook, tmp_path / "chapters/01_a.ipynb")
    with pytest.raises(ValueError, match=r"01_a\.ipynb has 0 cells with SOURCE"):
        stamp.stamp_chapters(tmp_path, "git+somewhere")


def test_what_is_committed_is_what_is_exported(tmp_path):
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    root = tmp_path / "root"
    root.mkdir()
    for command in (["init", "-q"], ["add", "a"], ["commit", "-q", "-m", "a"]):
        (root / "a").write_text("committed", encoding="utf-8")
        subprocess.run([*git, *command], cwd=root, check=True)
    assert stamp.changes(root) == []
    (root / "a").write_text("changed", encoding="utf-8")
    stamp.export(tmp_path / "out", root)
    assert (tmp_path / "out/a").read_text(encoding="utf-8") == "committed"
    assert stamp.changes(root) == [" M a"]
    assert re.fullmatch("[0-9a-f]{40}", stamp.commit(root))
