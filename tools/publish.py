"""Publish the book into _build/publish: the site, a PDF, a zip, and what Colab opens.

    html/                     the site; with lstm-book.pdf and lstm-book-html.zip in it
    colab/                    the stamped copy of what is committed: the tree of the
    branch `colab`

All is built from the stamped copy, strictly: a warning ends it.
"""

import argparse
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import browser
import notebooks
import stamp
from lstm.atomic import replacing

OUT = stamp.ROOT / "_build" / "publish"
STRICT = ["--warningiserror", "--nitpick", "--keep-going", "--quiet"]
PDF, ZIP = stamp.PDF, stamp.ZIP
SCALE = 0.75  # of a screen's sizes: 88 columns of code fit on A4
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip of the same pages is the same file


def build(tree, builder):
    """Build the tree with a builder of Sphinx; returns the folder of pages."""
    folder = OUT / "build"
    command = [Path(sys.executable).with_name("jupyter-book"), "build", tree]
    command += ["--path-output", folder, "--builder", builder, *STRICT]
    subprocess.run(command, check=True)
    return folder / "_build" / builder


def print_pdf(page_file, path):
    """Print one page to a PDF with Chromium: maths typeset, bookmarks, page numbers."""
    footer = (
        '<div style="width: 100%; font-size: 8px; text-align: center; color: #555">'
        '<span class="pageNumber"></span></div>'
    )
    chosen = browser.find()
    with browser.started_playwright() as playwright:
        chromium = browser.launch(playwright, chosen)
        page = chromium.new_page(color_scheme="light")
        lost = []
        page.on("requestfailed", lambda request: lost.append(request.url))
        page.goto(page_file.as_uri(), timeout=300_000)
        page.evaluate("() => MathJax.startup.promise")
        page.evaluate("() => document.fonts.ready")
        missing = [url for url in lost if not url.endswith("searchindex.js")]
        if missing:  # but for the search, which a PDF has of its own
            raise FileNotFoundError(f"{page_file.name} lacks {', '.join(missing)}")
        sheet = {"format": "A4", "scale": SCALE, "print_background": True}
        sheet["margin"] = dict.fromkeys(("top", "bottom", "left", "right"), "18mm")
        ends = {"header_template": "<span></span>", "footer_template": footer}
        reading = {"outline": True, "tagged": True, "display_header_footer": True}
        page.pdf(path=path, **sheet, **ends, **reading)
        chromium.close()


def pack(folder, path):
    """Write a folder into a zip, whole or not at all."""
    with (
        replacing(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            name = Path("lstm-book") / file.relative_to(folder)
            info = zipfile.ZipInfo(name.as_posix(), EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)


def check(html, repository):
    """Raise ValueError unless every chapter's page opens in Colab, as published."""
    for notebook in notebooks.files(OUT / "colab"):
        page = html / f"chapters/{notebooks.name(notebook)}.html"
        address = stamp.colab(repository, notebooks.name(notebook))
        if address not in page.read_text(encoding="utf-8"):
            raise ValueError(f"{page} has no button that opens it in Colab")


def publish(repository):
    """Make everything for a repository's address; returns the folder of the site."""
    shutil.rmtree(OUT, ignore_errors=True)
    stamp.export(OUT / "colab")
    stamp.stamp(OUT / "colab", repository, stamp.commit())
    html = OUT / "html"
    shutil.move(build(OUT / "colab", "html"), html)
    check(html, repository)
    single = build(OUT / "colab", "singlehtml")
    # Sphinx takes the first page to lie at the top: there its links to styles hold
    print_pdf(shutil.move(single / "book/intro.html", single / "book.html"), OUT / PDF)
    stamp.stand_alone(OUT / "colab", stamp.site(repository))
    pack(html, OUT / ZIP)
    for name in (PDF, ZIP):
        shutil.move(OUT / name, html / name)
    # or else GitHub Pages would leave out folders that begin with _
    (html / ".nojekyll").touch()
    shutil.rmtree(OUT / "build")
    return html


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = f"as {stamp.PLACEHOLDER}"
    parser.add_argument("repository", nargs="?", default="", help=text)
    args = parser.parse_args()
    try:
        repository = stamp.github(args.repository)
    except ValueError as error:
        sys.exit(f"error: {error}")
    if different := stamp.changes():
        listed = "\n".join(different)
        sys.exit(
            f"error: only what is committed is published; not committed:\n{listed}"
        )
    try:
        html = publish(repository)
    except browser.NoBrowserError as error:
        sys.exit(f"error: {error}")
    for path in (html / "index.html", html / PDF, html / ZIP):
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path}")
    print(f"stamped for {repository} at {stamp.commit()}: {OUT / 'colab'}")


if __name__ == "__main__":
    main()
