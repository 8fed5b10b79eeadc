"""The lists of chapters, made from the sources' headers by `make chapters`.

_toc.yml whole; in README.md and book/intro.md what stands between two marks. A chapter
is listed once its notebook is there.
"""

import re
from itertools import groupby
from pathlib import Path

import sources
from lstm.atomic import replacing

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- chapters -->\n", "<!-- end of chapters -->"
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


def chapter_map(listed):
    """The map of the landing page: a table."""
    lines = [
        "| chapter | question | what is proved | time to run* |",
        "|---|---|---|---|",
    ]
    for c in listed:
        link = f"[{c['title']}](../chapters/{c['name']}.ipynb)"
        lines.append(
            f"| {link} | {c['question']} | {c['proved']} | {time(c['minutes'])} |"
        )
    return "\n".join(lines) + "\n"


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
    made = {ROOT / "_toc.yml": toc(listed)}
    for name, part in {"book/intro.md": chapter_map, "README.md": readme_list}.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        between = re.compile(f"(?<={BEGIN}).*?(?={END})", re.S)
        if len(between.findall(text)) != 1:
            raise ValueError(f"{name} needs the marks {BEGIN.strip()} and {END} once")
        made[ROOT / name] = between.sub(lambda _, part=part: part(listed), text)
    return made


def write():
    """Bring all lists up to date; returns the paths of those that were not."""
    behind = []
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with replacing(path) as partial:
                partial.write_text(text, encoding="utf-8")
            behind.append(path)
    return behind
