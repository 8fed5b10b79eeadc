"""Stamp a copy of the book with the address that it is published at.

The repository itself knows no address. One value, as https://github.com/OWNER/NAME,
goes into a copy of what is committed; that copy is what Colab opens (the branch
`colab`) and what the published pages are built from.
"""

import argparse
import functools
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import quote

import nbformat

import notebooks

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "colab"
GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)")
UNSTAMPED = 'SOURCE = ""'
PLACEHOLDER = "https://github.com/OWNER/NAME"
PDF, ZIP = "lstm-book.pdf", "lstm-book-html.zip"
LINK = re.compile(r"\]\((?P<path>[^):#]*\.(?:ipynb|md)|)(?P<name>#[^)]*)?\)")
BADGES, DOWNLOADS = "<!-- badges -->", "<!-- downloads -->"
BUTTONS, META = "<!-- buttons -->", "  html_meta:\n"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
CONFIG = """
repository:
  url: {repository}
  branch: {branch}

launch_buttons:
  colab_url: https://colab.research.google.com
"""


def github(address):
    """The address of a repository on GitHub, tidied; ValueError for any other."""
    tidy = address.strip().rstrip("/").removesuffix(".git")
    if not GITHUB.fullmatch(tidy) or tidy == PLACEHOLDER:
        expected = f"the address this book is published at, as {PLACEHOLDER}"
        raise ValueError(f"REPOSITORY is {address!r}: expected {expected}")
    return tidy


def site(repository):
    """Where GitHub Pages serves a repository: https://OWNER.github.io/NAME/."""
    owner, name = GITHUB.fullmatch(repository).groups()
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def colab(repository, chapter):
    """Where Colab opens a chapter of the published branch."""
    owner, name = GITHUB.fullmatch(repository).groups()
    path = f"{owner}/{name}/blob/{BRANCH}/chapters/{quote(chapter)}.ipynb"
    return f"https://colab.research.google.com/github/{path}"


def commit(root=ROOT):
    """The full hash of what is checked out."""
    return git("rev-parse", "HEAD", root=root).decode().strip()


def changes(root=ROOT):
    """What differs from the commit, as git lists it: not in a published copy."""
    return git("status", "--porcelain", root=root).decode().splitlines()


def git(*arguments, root=ROOT):
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True).stdout


def export(tree, root=ROOT):
    """Write what is committed into an empty folder."""
    tree.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD", root=root))) as archive:
        archive.extractall(tree, filter="data")


def stamp_chapters(tree, source):
    """Put the address to install from into the set-up cell, there and in notebooks."""
    stamped = f'SOURCE = "{source}"'
    replace(tree / "chapters/src/setup.py", UNSTAMPED, stamped)
    for path in notebooks.files(tree):
        notebook = nbformat.read(path, as_version=4)
        found = [cell for cell in notebook.cells if UNSTAMPED in cell.source]
        if len(found) != 1:
            count = f"{len(found)} cells with {UNSTAMPED}"
            raise ValueError(f"{path.name} has {count}, expected one")
        found[0].source = found[0].source.replace(UNSTAMPED, stamped)
        nbformat.write(notebook, path)


def stand_alone(tree, base):
    """Have links of notebooks lead to the published pages: Colab opens one alone."""
    for path in notebooks.files(tree):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                absolute = functools.partial(page, path=path, tree=tree, base=base)
                cell.source = LINK.sub(absolute, cell.source)
        nbformat.write(notebook, path)


def page(found, path, tree, base):
    """A link within the book as one to the published page."""
    target = path.parent / found["path"] if found["path"] else path
    name = target.resolve().relative_to(tree.resolve()).with_suffix(".html").as_posix()
    return f"]({base}{name}{found['name'] or ''})"


def stamp(tree, repository, revision):
    """Stamp a copy for its repository: chapters, launch buttons, badges and links."""
    stamp_chapters(tree, f"git+{repository}@{revision}")
    config = tree / "_config.yml"
    replace(config, 'baseurl: ""', f"baseurl: {site(repository)}")
    with config.open("a", encoding="utf-8") as file:
        file.write(CONFIG.format(repository=repository, branch=BRANCH))
    chapters = sorted(tree.glob("chapters/*.ipynb"))
    badges = "".join(badge(repository, path) for path in chapters)
    readme, where = tree / "README.md", f"Read it at {site(repository)}"
    replace(readme, BADGES, f"{where}, or run a chapter in Colab:\n\n{badges}")
    replace(readme, PLACEHOLDER, repository)
    stamp_landing(tree / "book/intro.md", repository, chapters)


def stamp_landing(intro, repository, chapters):
    """Give the opening page its buttons, downloads, links to Colab and its picture."""
    base = site(repository)
    first = colab(repository, chapters[0].stem)
    buttons = f"[Run chapter 1 in Colab]({first}){{.button}} "
    buttons += f"[PDF]({base}{PDF}){{.button}}"
    replace(intro, BUTTONS, buttons)
    replace(intro, DOWNLOADS, downloads(base))
    for path in chapters:
        opened = f", or [open it in Colab]({colab(repository, path.stem)})"
        replace(intro, f"<!-- colab {path.stem} -->", opened)
    picture = f"{base}_static/lstm_cell.png"
    named = {"og:title": "The LSTM Book", "og:url": base, "og:image": picture}
    lines = [f'    "property={name}": {value}\n' for name, value in named.items()]
    replace(intro, META, META + "".join(lines))


def badge(repository, path):
    """A line that opens a chapter in Colab."""
    notebook = nbformat.read(path, as_version=4)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    address = colab(repository, path.stem)
    return f"- [![{title}: open in Colab]({BADGE})]({address}) {title}\n"


def downloads(base):
    """Links to the book in one file, for the opening page."""
    return (
        f'**In one file.** <a href="{base}{PDF}">PDF</a> of the whole book, or '
        f'<a href="{base}{ZIP}">these pages as a zip</a>, to read without a network.'
    )


def replace(path, old, new):
    """Replace a text that must be there."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path.name} does not hold {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", help=f"as {PLACEHOLDER}")
    parser.add_argument("folder", type=Path, help="the copy to write; must not exist")
    args = parser.parse_args()
    try:
        repository = github(args.repository)
        export(args.folder)
        stamp(args.folder, repository, commit())
    except (ValueError, FileExistsError) as error:
        sys.exit(f"error: {error}")
    print(f"stamped for {repository} at {commit()}: {args.folder}")


if __name__ == "__main__":
    main()
