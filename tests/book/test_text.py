"""The book's text: sources are cited, pages and equations hang together.

What is built from it is looked at in tests/browser.
"""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml

import notebooks

ROOT = Path(__file__).parents[2]
BIBLIOGRAPHY = (ROOT / "book/references.bib").read_text(encoding="utf-8")


def texts():
    for path in notebooks.files(ROOT):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    for path in sorted(ROOT.glob("book/*.md")):
        yield path, path.read_text(encoding="utf-8")


TEXTS = [pytest.param(p, text, id=notebooks.name(p)) for p, text in texts()]


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_every_paper_that_is_linked_is_in_the_bibliography(path, text):
    for doi in re.findall(r"https://doi\.org/([^)\s]+)", text):
        assert f"doi = {{{doi}}}" in BIBLIOGRAPHY, f"{doi} is missing in references.bib"
    for eprint in re.findall(r"https://arxiv\.org/abs/([\d.]+)", text):
        missing = f"arXiv:{eprint} is missing in references.bib"
        assert f"eprint = {{{eprint}}}" in BIBLIOGRAPHY, missing


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_links_between_pages_lead_somewhere(path, text):
    for target in re.findall(r"\]\(([^)#:]+\.(?:md|ipynb))", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")
NAMED = re.compile(r"(?i)\b(chapter|section)s?\s+(\d+(?:\.\d+)?)")


def prose(text):
    """A text without code, formulas and headings: where places are named."""
    apart = r"(?ms)```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|^#.*?$"
    return re.sub(apart, "", text)


def leads(path, target):
    """The page and the name on it that a link leads to."""
    way, _, name = unquote(target).partition("#")
    return (path.parent / way if way else path).resolve(), name


def fits(path, text, target):
    """Whether a link that names a place leads to that very place."""
    page, name = leads(path, target)
    for kind, number in NAMED.findall(text):
        chapter = f"{int(number.split('.')[0]):02d}_"
        there = name.startswith(f"{number}-") if "." in number else not name
        if not page.name.startswith(chapter) or not there:
            return False, (kind, number)
    for number in cited_equations(text):
        if name != f"eq-{number}":
            return False, number
    return True, None


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_every_place_that_is_named_is_a_link_to_that_very_place(path, text):
    text = prose(text)
    for words, target in LINK.findall(text):
        good, what = fits(path, words, target)
        assert good, f"{what} leads to {target}"
    bare = LINK.sub("", text)
    assert not (found := NAMED.search(bare)), f"no link: {found.group()}"
    known = {tag for _, t in texts() for tag in re.findall(r"\\tag\{([\d.]+)\}", t)}
    assert not known & {*cited_equations(bare)}


def test_a_link_that_is_taken_away_or_leads_elsewhere_is_seen():
    path = ROOT / "chapters/07_gradients.ipynb"
    good = "[section 1.9](01_theory.ipynb#1.9-The-whole-in-one-place)"
    test_every_place_that_is_named_is_a_link_to_that_very_place(path, good)
    for bad in ("section 1.9", good.replace("section 1.9", "section 1.8"), "by (7.2)"):
        with pytest.raises(AssertionError):
            test_every_place_that_is_named_is_a_link_to_that_very_place(path, bad)


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_sections_that_are_cited_exist(path, text):
    numbered = {
        n
        for p, t in texts()
        if p.suffix == ".ipynb"
        for n in re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", t, re.M)
    }
    for cited in re.findall(r"[Ss]ections?\s+(\d+\.\d+)", text):
        assert cited in numbered, f"{path.name} cites section {cited}"


def cited_equations(text):
    """The numbers of equations that a text cites, as (1.2) or (12.34)."""
    return re.findall(r"(?<![\w`])\((\d+\.\d+)\)", text)


def test_equations_of_chapters_beyond_9_are_seen_and_calls_are_not():
    text = "by (1.2), and (12.34) as in `f(1.5)` and f(2.5)"
    assert cited_equations(text) == ["1.2", "12.34"]


CHAPTERS = [text for text in TEXTS if text.values[0].parent.name == "chapters"]


@pytest.mark.parametrize(("path", "text"), CHAPTERS)
def test_an_equation_is_numbered_once_and_those_cited_exist(path, text):
    chapter = int(path.stem[:2])
    tags = re.findall(r"\\tag\{([\d.]+)\}", text)
    assert tags == [f"{chapter}.{n}" for n in range(1, len(tags) + 1)]
    known = {tag for p, t in texts() for tag in re.findall(r"\\tag\{([\d.]+)\}", t)}
    for cited in cited_equations(text):
        assert cited in known, f"{path.name} cites equation ({cited})"


def test_the_table_of_contents_names_pages_that_exist():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [page["file"] for part in toc["parts"] for page in part["chapters"]]
    for name in [toc["root"], *listed]:
        assert list(ROOT.glob(f"{name}.*")), f"{name} is missing"


@pytest.mark.parametrize("page", ["book/intro.md", "README.md"])
def test_an_opening_pages_snippet_prints_what_it_shows(page, capsys):
    text = (ROOT / page).read_text(encoding="utf-8")
    code, shown = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.S
    ).groups()
    exec(code, {})
    assert capsys.readouterr().out == shown


def test_the_opening_page_cites_the_book_as_citation_cff_does():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = (ROOT / "book/intro.md").read_text(encoding="utf-8")
    entry = re.search(r"```bibtex\n(.*?)```", text, re.S).group(1)
    [author] = cff["authors"]
    for value in (cff["title"], author["name"], str(cff["date-released"].year)):
        assert f"{{{value}}}" in entry
    assert f"Version {cff['version']}" in entry


def misread(text):
    """Lines within a paragraph that Markdown takes for the beginning of something else.

    One that begins with % is a comment, and is lost; a number with a full stop, or a
    dash, begins a list.
    """
    before = ""
    for line in prose(text).split("\n"):
        within = before.strip() and not re.match(r"\s|[-*+] |\d+\. |\||:", before)
        if line.startswith("%") or (within and re.match(r"([-+*]|\d+\.) ", line)):
            yield line
        before = line


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_no_line_of_a_paragraph_is_read_as_something_else(path, text):
    assert not [*misread(text)]


def test_a_line_that_is_lost_or_becomes_a_list_is_seen():
    text = "of ten, 90\n% of all, or as it is\n1. of ten\n- more\n\n- a list\n- goes on"
    assert [*misread(text)] == ["% of all, or as it is", "1. of ten"]
