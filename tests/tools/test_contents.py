"""The lists of chapters: made from the headers, in three places."""

import pytest

import contents
import sources


@pytest.fixture
def listed(source):
    """The project, its chapter listed: there is a notebook."""
    sources.target(source).write_text("{}", encoding="utf-8")
    return contents.write()


def text_of(project, name):
    return (project / name).read_text(encoding="utf-8")


def test_the_table_of_contents_holds_parts_and_chapters(project, listed):
    toc = text_of(project, "_toc.yml")
    assert "  - caption: Begin\n    chapters:\n      - file: chapters/01_small\n" in toc
    assert "  - caption: Look up\n" in toc


def test_the_map_says_what_the_header_says(project, listed):
    link = "[1. Small](../chapters/01_small.ipynb)"
    row = f"| {link} | What is it? | nothing yet | 3 seconds |\n"
    assert row in text_of(project, "book/intro.md")


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
