"""The lists of chapters, made from the sources' headers by `make chapters`.

_toc.yml whole; in README.md and book/intro.md what stands between two marks. A chapter
is listed once its notebook is there. In the book's other pages, too, what is named
becomes a link: tools/links.py.
"""

import re
from itertools import groupby
from pathlib import Path

import nbformat

import links
import notebooks
import sources
from lstm import bench, parity
from lstm.atomic import replacing

ROOT = Path(__file__).resolve().parents[1]
LOOK_UP = ["book/notation", "book/glossary", "book/bibliography"]


def chapters():
    """Of every chapter with a notebook: its header, its title and its name."""
    for source in sources.files():
        if sources.target(source).exists():
            facts = {"title": sources.title(source), "name": source.stem}
            yield sources.header(source) | facts


def toc(listed):
    """The table of contents, as Jupyter Book reads it."""
    lines = ["# made by `make chapters` from the headers of chapters/src"]
    lines += ["format: jb-book", "root: book/intro", "parts:"]
    parts = [
        (part, [f"chapters/{c['name']}" for c in those])
        for part, those in groupby(listed, key=lambda c: c["part"])
    ]
    solved = [s for s in sources.solutions() if sources.target(s).exists()]
    parts += [("Solutions", [f"chapters/solutions/{s.stem}" for s in solved])]
    for part, files in [*parts, ("Look up", LOOK_UP)]:
        if not files:
            continue
        lines += [f"  - caption: {part}", "    chapters:"]
        lines += [f"      - file: {file}" for file in files]
    return "\n".join(lines) + "\n"


def cards(listed):
    """The map of the landing page: a card for each chapter."""
    items = []
    for c in listed:
        link = f"[{c['title']}](../chapters/{c['name']}.ipynb)"
        question, proved = c["question"], c["proved"]
        items.append(
            f"- **{link}**\n\n  {question}\n\n  *Proved:* {proved}\n\n"
            f"  {time(c['minutes'])} to run<!-- colab {c['name']} -->\n"
        )
    return '<div class="cards">\n\n' + "\n".join(items) + "\n</div>\n"


def numbers():
    """What README and the landing page count: a list, computed from what is there."""
    combinations = [*parity.combinations()]
    cells = [kind for kind, _ in combinations if kind.endswith("Cell")]
    forms = len(parity.FORMS) * (len(combinations) - len(cells)) + 2 * len(cells)
    texts = (path.read_text("utf-8") for path in sources.solutions())
    solved = sum(len(re.findall(r"^## Exercise \d+", text, re.M)) for text in texts)
    code = sum(
        cell.cell_type == "code"
        for path in notebooks.files(ROOT)
        for cell in nbformat.read(path, as_version=4).cells
    )
    race = bench.fast.committed()["parts"]
    gru, one = (
        race[part][theirs]["median"] / race[part][ours]["median"]
        for part, theirs, ours in (
            ("GRU", "torch.nn.GRU", "lstm.fast.GRU"),
            ("one step", "torch.nn.LSTM", "lstm.fast.LSTM"),
        )
    )
    told = [
        (2 * forms, "comparisons with PyTorch: outputs, states, every gradient"),
        (solved, "exercises, each with a solution that runs"),
        (f"{code:,}", "cells of code, run again by the tests and compared"),
        (f"{gru:.1f} ×", "the speed of `nn.GRU`, by `lstm.fast` on a CPU, and for a "
         f"single step of an LSTM {one:.0f} × that of `nn.LSTM`: chapter 11"),
    ]  # fmt: skip
    return "".join(f"- **{number}** {text}\n" for number, text in told)


def readme_list(listed):
    """README's list."""
    return "".join(
        f"- [{c['title']}](chapters/{c['name']}.ipynb): {c['question']}\n"
        for c in listed
    )


def time(minutes):
    """A time to run, for people."""
    if minutes < 1:
        return f"{60 * minutes:.0f} seconds"
    return f"{minutes:g} minute{'s' if minutes != 1 else ''}"


def pages():
    """The text that each list ought to stand in, whole; path to text."""
    listed = list(chapters())
    made, intro_path = {ROOT / "_toc.yml": toc(listed)}, ROOT / "book/intro.md"
    intro = filled(intro_path, "chapters", cards(listed))
    counted = numbers()
    boxed = f'<div class="numbers">\n\n{counted}\n</div>\n'
    made[ROOT / "book/intro.md"] = filled(intro_path, "numbers", boxed, intro)
    readme = filled(ROOT / "README.md", "chapters", readme_list(listed))
    made[ROOT / "README.md"] = filled(ROOT / "README.md", "numbers", counted, readme)
    for path in sorted(ROOT.glob("book/*.md")):
        text = made.get(path, path.read_text(encoding="utf-8"))
        made[path] = links.link(text, path)
    return made


def filled(path, name, part, text=None):
    """A page with a part between the two marks of a name."""
    text = path.read_text(encoding="utf-8") if text is None else text
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    between = re.compile(f"(?<={begin}).*?(?={end})", re.S)
    if len(between.findall(text)) != 1:
        raise ValueError(f"{path.name} needs the marks {begin.strip()} and {end} once")
    return between.sub(lambda _: part, text)


def write():
    """Bring all lists up to date; returns the paths of those that were not."""
    behind = []
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with replacing(path) as partial:
                partial.write_text(text, encoding="utf-8")
            behind.append(path)
    return behind
