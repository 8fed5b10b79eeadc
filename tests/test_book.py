"""The book's text: its sources are cited, its pages and equations hang together. What is built: tests/browser."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
BIBLIOGRAPHY = (ROOT / "book/references.bib").read_text(encoding="utf-8")


def texts():
    for path in sorted(ROOT.glob("chapters/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    for path in sorted(ROOT.glob("book/*.md")):
        yield path, path.read_text(encoding="utf-8")


TEXTS = [pytest.param(path, text, id=path.stem) for path, text in texts()]


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
