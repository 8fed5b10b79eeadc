"""The book: its sources are cited, its pages hang together, and what is built fetches nothing from outside."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
BIBLIOGRAPHY = (ROOT / "book/references.bib").read_text(encoding="utf-8")
built = pytest.mark.skipif(
    not (HTML / "index.html").exists(), reason="run `make book` first"
)


def texts():
    for path in sorted(ROOT.glob("chapters/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    for path in sorted(ROOT.glob("book/*.md")):
        yield path, path.read_text(encoding="utf-8")


TEXTS = [pytest.param(path, text, id=path.stem) for path, text in texts()]
PAGES = [
    pytest.param(p, id=str(p.relative_to(HTML)))
    for p in sorted(HTML.rglob("*.html"))
    if "_static" not in p.parts
]


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_every_paper_that_is_linked_is_in_the_bibliography(path, text):
    for doi in re.findall(r"https://doi\.org/([^)\s]+)", text):
        assert f"doi = {{{doi}}}" in BIBLIOGRAPHY, f"{doi} is missing in references.bib"
    for eprint in re.findall(r"https://arxiv\.org/abs/([\d.]+)", text):
        assert f"eprint = {{{eprint}}}" in BIBLIOGRAPHY, (
            f"arXiv:{eprint} is missing in references.bib"
        )


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_links_between_pages_lead_somewhere(path, text):
    for target in re.findall(r"\]\(([^)#:]+\.(?:md|ipynb))", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize(("path", "text"), TEXTS)
def test_sections_that_are_cited_exist(path, text):
    numbered = {
        n
        for p, t in texts()
        if p.suffix == ".ipynb"
        for n in re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", t, re.M)
    }
    for cited in re.findall(r"[Ss]ections? (\d+\.\d+)", text):
        assert cited in numbered, f"{path.name} cites section {cited}"


@pytest.mark.parametrize(
    ("path", "text"), [t for t in TEXTS if t.values[0].suffix == ".ipynb"]
)
def test_an_equation_is_numbered_once_and_those_cited_exist(path, text):
    chapter = int(path.stem[:2])
    tags = re.findall(r"\\tag\{([\d.]+)\}", text)
    assert tags == [f"{chapter}.{n}" for n in range(1, len(tags) + 1)]
    known = {tag for p, t in texts() for tag in re.findall(r"\\tag\{([\d.]+)\}", t)}
    for cited in re.findall(r"(?<![\w`])\((\d\.\d+)\)", text):
        assert cited in known, f"{path.name} cites equation ({cited})"


def test_the_table_of_contents_names_pages_that_exist():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for name in [
        toc["root"],
        *(c["file"] for part in toc["parts"] for c in part["chapters"]),
    ]:
        assert list(ROOT.glob(f"{name}.*")), f"{name} is missing"


def test_the_static_figures_are_those_that_the_code_draws(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import figures

    for path in figures.main(tmp_path):
        assert path.read_bytes() == (figures.STATIC / path.name).read_bytes(), (
            "run tools/figures.py"
        )


LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
}


class Collector(HTMLParser):
    """What a page loads, links to, and can be linked at."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.anchors = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[k] for k in ("id", "name") if found.get(k)}
        canonical = found.get("rel") in (
            "canonical",
            "next",
            "prev",
            "index",
            "search",
            "author",
            "copyright",
        )
        for name, value in found.items():
            if (tag, name) in LOADED and value and not canonical:
                self.loads.add(value)
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])


@built
@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_outside_and_nothing_that_is_missing(path):
    for address in Collector(path).loads:
        parts = urlsplit(address)
        assert not parts.scheme or parts.scheme == "data", (
            f"{path.name} loads {address}"
        )
        if not parts.scheme:
            assert (path.parent / unquote(parts.path)).exists(), (
                f"{path.name} loads {address}, which is not there"
            )


@built
@pytest.mark.parametrize("path", PAGES)
def test_inner_links_and_anchors_exist(path):
    for link in Collector(path).links:
        address, anchor = urldefrag(link)
        if urlsplit(address).scheme:
            continue
        target = (path.parent / unquote(address)).resolve() if address else path
        assert target.exists(), f"{path.name} links to {link}"
        if anchor and target.suffix == ".html":
            assert anchor in Collector(target).anchors, f"{path.name} links to {link}"


@built
def test_mathjax_is_the_books_own_and_chapters_can_be_launched_and_downloaded():
    for page in sorted((HTML / "chapters").glob("*.html")):
        text = page.read_text(encoding="utf-8")
        assert '"../_static/mathjax/tex-chtml.js' in text
        launch = rf"colab.research.google.com/github/[\w.-]+/[\w.-]+/blob/main/chapters/{page.stem}.ipynb"
        assert re.search(launch, text)
        assert f'href="../_sources/chapters/{page.stem}.ipynb"' in text
    assert (HTML / "_static/mathjax/tex-chtml.js").exists()


@built
def test_search_finds_what_the_book_is_about():
    index = (HTML / "searchindex.js").read_text(encoding="utf-8")
    assert all(
        term in index
        for term in ("forget", "bidirect", "perplex", "chapters/01_theory")
    )
