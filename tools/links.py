"""Make a link of every place that a text names: chapters, sections, equations, terms.

A source says "section 3.4", "chapters 2 to 4", "(7.5)", "Gers et al. (2000)"; in its
notebook each is a link to that very place, relative, as Jupyter and the built pages
follow it. So a source stays readable, and a number that leads nowhere is an error.

    chapter     the page
    section     its heading, as Jupyter names it; in tables by a column "section"
    equation    an anchor that is put before it
    paper       its entry in the bibliography
    term        its entry in the glossary, once in a chapter
"""

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

from pybtex import database

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
GLOSSARY, BIBLIOGRAPHY = BOOK / "glossary.md", BOOK / "bibliography.md"
NUMBER = r"\d+(?:\.\d+)?"
PLACES = re.compile(
    rf"\b(?P<kind>[Cc]hapter|[Ss]ection)(?P<many>s?)(?P<gap>\s+)"
    rf"(?P<numbers>{NUMBER}(?:(?:,\s+|,?\s+(?:and|to|or)\s+){NUMBER})*)"
)
EQUATION = re.compile(r"(?<![\w`])\((?P<number>\d+\.\d+)\)")
BLOCK = re.compile(r"^\$\$.*?\$\$|^\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.M | re.S)
TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")
HEADING = re.compile(r"^#{1,2} ((\d+(?:\.\d+)?)\.? .*)$", re.M)
# where nothing is to be linked: code, formulas, links, tags, headings
APART = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|<[^>]*>|"
    r"\\begin\{.*?\\end\{\w+\*?\}|^#.*?$",
    re.M | re.S,
)
COLUMN = re.compile(r"^\|.*\|\n\|[-: |]+\|\n(?:\|.*\|\n?)+", re.M)
OTHERWISE = {  # terms that mean another thing there
    "11_fast": {"cell"},
    "13_forecasting": {"cell", "temperature"},
    "15_state": {"cell"},
    "16_leaving": {"cell"},
}
YEAR = r"(?:,?\s+\d{4}|\s+\(\d{4}\))"


def slug(title):
    """How Jupyter names a heading; `book/_ext/anchors.py` has the pages name it so."""
    return title.replace("`", "").replace(" ", "-")


def link(text, here, terms=None):
    """The text with its links, for the page `here`.

    terms: those of the glossary that are still to be linked, and are taken out here
    Raises ValueError for a chapter or a section that is not there.
    """
    terms = {} if terms is None else terms
    text = COLUMN.sub(lambda found: listed(found.group(), here), text)
    pieces, end = [], 0
    for apart in APART.finditer(text):
        pieces += [linked(text[end : apart.start()], here, terms)]
        pieces += [cited(apart.group(), here)]
        end = apart.end()
    return anchored("".join([*pieces, linked(text[end:], here, terms)]))


def listed(table, here):
    """A table; the numbers in its column "section", if it has one, as links."""
    rows = [row.split("|") for row in table.split("\n")]
    heads = [cell.strip() for cell in rows[0]]
    if "section" in heads:
        k = heads.index("section")
        for row in (row for row in rows[2:] if len(row) > k):
            row[k] = re.sub(
                rf"(?<!\S){NUMBER}(?=[,\s])",
                lambda n: to(n.group(), where("section", n.group()), here),
                row[k],
            )
    return "\n".join("|".join(row) for row in rows)


def linked(prose, here, terms):
    """Prose, without code and formulas, with its links."""
    prose = PLACES.sub(lambda found: place(found, here), prose)
    prose = outside(EQUATION, lambda found: equation(found, here), prose)
    for pattern, target in papers():
        prose = outside(pattern, lambda f, t=target: to(f.group(), t, here), prose)
    for term in [*terms]:
        pattern = re.compile(rf"(?<![\w.-]){re.escape(term)}s?\b", re.I)
        target = terms[term]
        found = outside(
            pattern, lambda f, t=target: to(f.group(), t, here), prose, count=1
        )
        if found != prose:
            prose = found
            del terms[term]
    return prose


def outside(pattern, change, text, count=0):
    """Change what a pattern finds outside the links of a text."""
    links = [m.span() for m in re.finditer(r"\[[^\]]*\]\([^)]*\)", text)]
    left = [count or len(text)]

    def one(found):
        within = any(a <= found.start() < b for a, b in links)
        if within or not left[0]:
            return found.group()
        left[0] -= 1
        return change(found)

    return pattern.sub(one, text)


def place(found, here):
    """One or more chapters or sections as links."""
    kind = found["kind"].lower()
    numbers = found["numbers"]
    if not found["many"]:
        return to(found.group(), where(kind, numbers), here)
    return f"{found['kind']}s{found['gap']}" + re.sub(
        NUMBER, lambda n: to(n.group(), where(kind, n.group()), here), numbers
    )


def where(kind, number):
    """The target of a chapter or section: a path, and # and a name within it."""
    found = (chapters() if kind == "chapter" else sections()).get(number)
    if found is None:
        raise ValueError(f"there is no {kind} {number}")
    return found


def equation(found, here):
    """The number of an equation as a link; other numbers as they are."""
    target = equations().get(found["number"])
    return to(found.group(), target, here) if target else found.group()


def cited(piece, here):
    """A link to a paper that is named by its authors, to the bibliography instead."""
    found = re.fullmatch(rf"\[([^\]]*?{YEAR})\]\((https?://[^)]*)\)", piece, re.S)
    target = found and addresses().get(found[2])
    return to(found[1], target, here) if target else piece


def to(text, target, here):
    """A link from a page to a target."""
    path, _, name = target.partition("#")
    way = Path(os.path.relpath(path, here.parent)).as_posix()
    if not name:
        return f"[{text}]({way})"
    way = "" if Path(path) == here else way
    return f"[{text}]({way}#{quote(name, safe='/:;,.!?=&+*@')})"


def anchored(text):
    """An anchor before every numbered equation."""

    def before(block):
        names = "".join(f'<a id="eq-{n}"></a>' for n in TAG.findall(block.group()))
        return f"{names}\n\n{block.group()}" if names else block.group()

    return BLOCK.sub(before, text)


# what there is to be named


@cache
def texts():
    """The chapters: {notebook: the source's text}."""
    sources = sorted((ROOT / "chapters/src").glob("[0-9][0-9]_*.py"))
    folder = ROOT / "chapters"
    return {folder / f"{s.stem}.ipynb": s.read_text("utf-8") for s in sources}


@cache
def chapters():
    """{number: page}"""
    return {str(int(path.name[:2])): str(path) for path in texts()}


@cache
def sections():
    """{number: page#heading}, of every numbered heading of a chapter."""
    return {
        number: f"{path}#{slug(title)}"
        for path, text in texts().items()
        for title, number in HEADING.findall(text)
        if "." in number
    }


@cache
def equations():
    """{number: page#anchor}"""
    return {
        number: f"{path}#eq-{number}"
        for path, text in texts().items()
        for number in TAG.findall(text)
    }


@cache
def glossary():
    """{term: page#anchor}, longer terms first."""
    text = GLOSSARY.read_text("utf-8")
    terms = re.findall(r"^(?!```|#|\s)(.+)$\n(?=  )", text, re.M)
    terms.sort(key=len, reverse=True)
    return {t: f"{GLOSSARY}#term-{t.replace(' ', '-')}" for t in terms}


def terms(here):
    """The terms that are to be linked on a page: those of its glossary, if it means
    the same by them.
    """
    apart = OTHERWISE.get(here.stem, ())
    return {term: to for term, to in glossary().items() if term not in apart}


@cache
def entries():
    """The bibliography: {key: entry}"""
    return database.parse_file(BOOK / "references.bib").entries


@cache
def addresses():
    """{address of a paper: its entry in the bibliography}"""
    found = {}
    for key, entry in entries().items():
        target, fields = f"{BIBLIOGRAPHY}#cite-{key}", entry.fields
        if "doi" in fields:
            found[f"https://doi.org/{fields['doi']}"] = target
        if "eprint" in fields:
            found[f"https://arxiv.org/abs/{fields['eprint']}"] = target
        if "url" in fields:
            found[fields["url"]] = target
    return found


def last_names(entry):
    """The last names of a paper's authors, as a text has them."""
    found = []
    for person in entry.persons["author"]:
        names = *person.rich_prelast_names, *person.rich_last_names
        found.append(" ".join(map(str, names)))
    return found


@cache
def papers():
    """A pattern for each paper, as authors and year name it, and its entry."""
    found = []
    for key, entry in entries().items():
        names = [re.escape(name) for name in last_names(entry)]
        others = {1: "", 2: rf"\s+(?:and|&)\s+{names[-1]}"}
        rest = others.get(len(names), r"\s+et\s+al\.")
        pattern = rf"\b{names[0]}{rest},?\s+\(?{entry.fields['year']}\)?"
        found.append((re.compile(pattern), f"{BIBLIOGRAPHY}#cite-{key}"))
    return found
