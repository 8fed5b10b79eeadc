"""The lists of chapters: made from the headers, in three places."""

import nbformat
import pytest

import contents
import sources
from lstm import bench, parity


@pytest.fixture
def listed(source):
    """The project, its chapter listed: there is a notebook."""
    cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("2 + 2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), sources.target(source))
    return contents.write()


def text_of(project, name):
    return (project / name).read_text(encoding="utf-8")


def test_the_table_of_contents_holds_parts_and_chapters(project, listed):
    toc = text_of(project, "_toc.yml")
    assert "  - caption: Begin\n    chapters:\n      - file: chapters/01_small\n" in toc
    assert "  - caption: Look up\n" in toc


def test_a_card_says_what_the_header_says(project, listed):
    intro = text_of(project, "book/intro.md")
    assert "- **[1. Small](../chapters/01_small.ipynb)**\n\n  What is it?\n" in intro
    assert "*Proved:* nothing yet\n\n  3 seconds to run<!-- colab 01_small -->" in intro


def test_the_numbers_are_counted(project, listed):
    solutions = project / "chapters/src/solutions"
    solutions.mkdir()
    text = "# %% [markdown]\n## Exercise 1\n## Exercise 2\n"
    (solutions / "01_small.py").write_text(text, encoding="utf-8")
    contents.write()
    intro = text_of(project, "book/intro.md")
    assert "- **376** comparisons" in intro
    assert "- **2** exercises" in intro
    assert "- **2** cells of code" in intro
    race = bench.fast.committed()["parts"]["GRU"]
    ratio = race["torch.nn.GRU"]["median"] / race["lstm.fast.GRU"]["median"]
    assert f"- **{ratio:.1f} ×** the speed of `nn.GRU`" in intro


def test_every_comparison_that_is_counted_is_made(monkeypatch):
    made = []
    monkeypatch.setattr(
        parity, "difference", lambda *arguments: made.append(arguments) or 0.0
    )
    parity.measure("cpu")
    assert f"**{len(made)}** comparisons" in contents.numbers()


def test_places_that_a_page_names_become_links(project, listed):
    page = project / "book/glossary.md"
    page.write_text("See section 1.9.", encoding="utf-8")
    contents.write()
    assert "[section 1.9](" in page.read_text(encoding="utf-8")


def test_readme_gets_a_line_and_what_stands_around_it_stays(project, listed):
    readme = text_of(project, "README.md")
    assert "- [1. Small](chapters/01_small.ipynb): What is it?\n" in readme
    assert readme.startswith("Before.")
    assert readme.endswith("After.\n")


def test_what_is_up_to_date_is_not_written_again(project, listed):
    assert len(listed) == 3
    assert contents.write() == []


def test_a_source_without_a_notebook_is_not_listed(project, source):
    contents.write()
    assert "01_small" not in text_of(project, "README.md")


def test_a_page_that_lost_its_marks_is_named(project, source):
    (project / "README.md").write_text("nothing here", encoding="utf-8")
    with pytest.raises(ValueError, match="README.md needs the marks <!-- chapters -->"):
        contents.write()
    assert not (project / "_toc.yml").exists()


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.2, "12 seconds"), (1, "1 minute"), (1.5, "1.5 minutes"), (3, "3 minutes")],
)
def test_a_time_is_said_as_people_say_it(minutes, said):
    assert contents.time(minutes) == said
