"""A chapter's source: percent text with a header, and how it becomes a notebook.

Chapters, sections, equations, papers and terms that its text names become links:
tools/links.py.

The header says what the lists of chapters show, in YAML between two lines `# ---`:

    part        the part of the book that it stands in
    question    what it answers
    proved      what its cells prove
    minutes     how long it takes to run on two processor cores, without a GPU

A code cell may begin with one option, as in Quarto, its text on the lines below:

    #| fig-alt: >-    a cell that draws: what is to be seen, for those who cannot see it
    #| check: >-      a cell of assertions: the claim that they hold, in one line
    #| fold: >-       other plumbing, a table's for one: what it does

On a page the code of these cells is folded under that line; in a notebook a check says
its claim as a comment. The set-up cell for Colab, chapters/src/setup.py, is put behind
the first cell of every notebook.

The solutions of a chapter's exercises have its name, in chapters/src/solutions, and a
header that says the minutes only.
"""

import re
import textwrap
from pathlib import Path

import jupytext
import nbformat
import yaml

import links

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
MINUTES = {"minutes": (int, float)}
KEYS = {"part": str, "question": str, "proved": str} | MINUTES
FIGURE = "The code of this figure"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def files():
    """The sources of all chapters, in reading order."""
    return sorted(CHAPTERS.glob("src/[0-9][0-9]_*.py"))


def solutions():
    """The sources of all solutions, in reading order."""
    return sorted(CHAPTERS.glob("src/solutions/[0-9][0-9]_*.py"))


def target(source):
    """The notebook that a source becomes."""
    folder = source.parent.relative_to(CHAPTERS / "src")
    return CHAPTERS / folder / f"{source.stem}.ipynb"


def header(source):
    """What a source's header says; raises ValueError unless it says all of it."""
    return split(source)[0]


def title(source):
    """A chapter's title with its number: its first line of text without the #."""
    return (
        jupytext.reads(split(source)[1], "py:percent")
        .cells[0]
        .source[2:]
        .split("\n")[0]
    )


def split(source):
    """A source's header, parsed, and the rest of its text."""
    text = source.read_text(encoding="utf-8")
    found = re.match(r"# ---\n((?:#.*\n)*?)# ---\n", text)
    if not found:
        raise ValueError(f"{source.name} does not begin with a header: see {__file__}")
    said = yaml.safe_load(re.sub("^# ?", "", found[1], flags=re.M))
    keys = MINUTES if source.parent.name == "solutions" else KEYS
    for key, kind in keys.items():
        if not isinstance(said, dict) or not isinstance(said.get(key), kind):
            raise ValueError(f"{source.name}: its header needs {key!r}, as {kind}")
    return said, text[found.end() :].lstrip("\n")


def read(source):
    """A source as a notebook without outputs, its metadata and cell ids settled."""
    notebook = jupytext.reads(split(source)[1], "py:percent")
    notebook.cells.insert(1, setup_cell())
    for n, cell in enumerate(notebook.cells):
        cell.id = f"c{n:03d}"
        said = options(cell) if n != 1 else cell.metadata
        tags = [*cell.metadata.get("tags", []), *said.pop("tags", [])]
        said |= {"tags": list(dict.fromkeys(tags))} if tags else {}
        cell.metadata = nbformat.from_dict(said)
    terms = links.terms(target(source))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.link(cell.source, target(source), terms)
    notebook.metadata = {"kernelspec": KERNEL}
    return notebook


def setup_cell():
    """The cell that installs the package in Colab; folded away on a page."""
    text = (Path(__file__).parents[1] / "chapters/src/setup.py").read_text("utf-8")
    cell = nbformat.v4.new_code_cell(text.rstrip("\n"))
    cell.metadata = folded("Set-up, for Colab")
    return cell


def folded(line):
    """The metadata of a cell whose code is folded under a line."""
    prompt = {"code_prompt_show": line, "code_prompt_hide": line}
    return {"tags": ["hide-input"], "mystnb": prompt}


def options(cell):
    """Take the lines `#| …` from the head of a cell; return what they say."""
    lines = cell.source.split("\n")
    count = next((n for n, line in enumerate(lines) if line[:2] != "#|"), len(lines))
    if cell.cell_type != "code" or not count:
        return {}
    said = yaml.safe_load("\n".join(line[3:] for line in lines[:count]))
    if len(said) != 1 or not set(said) <= {"fig-alt", "check", "fold"}:
        raise ValueError(f"unknown option of a cell: {', '.join(said)}")
    ((kind, text),) = said.items()
    text, cell.source = text.strip(), "\n".join(lines[count:])
    if kind == "fig-alt":
        metadata = folded(FIGURE)
        metadata["mystnb"]["image"] = {"alt": text}
        return metadata
    if kind == "check":
        claim = textwrap.fill(f"Check: {text}", 84)
        cell.source = textwrap.indent(claim, "# ") + "\n" + cell.source
        return folded(f"Check: {text}")
    return folded(text)


def cells(notebook):
    """What source and notebook must share: every cell's kind, text and metadata."""
    return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


def same_code(source):
    """Whether the notebook's outputs are those of the source's cells of code."""
    path = target(source)
    if not path.exists():
        return False
    old, new = (
        [c[1:] for c in cells(notebook) if c[0] == "code"]
        for notebook in (nbformat.read(path, as_version=4), read(source))
    )
    return old == new


def is_current(source):
    """Whether the notebook holds just the cells of its source."""
    path = target(source)
    if not path.exists():
        return False
    return cells(nbformat.read(path, as_version=4)) == cells(read(source))
