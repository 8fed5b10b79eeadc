"""What is wrong with a page: from what was read of it (pages.read) to a list of complaints."""

import re

import pages

LIMIT = 1_500_000
LETTERS = 88  # the line length of the project: pyproject.toml
MATHJAX_FONTS = "/mathjax/output/chtml/fonts/woff-v2/"
DRAWN = (".png", ".jpg")
SEVERE = ("serious", "critical")


def requests(page):
    """Nothing is asked of another host, and all that is asked for is there."""
    for url, status, _ in page["requests"]:
        if not url.startswith(page["base"]):
            yield f"asks another host: {url}"
        elif status not in (200, 304):
            yield f"{status}: {url}"


def messages(page):
    """Nothing is reported on the console."""
    return [s for s in page["said"] if s.startswith(("error:", "warning:"))]


def links(page, read, folder):
    """Every link within the book leads to a page that is there, and to a place on it."""
    for url in sorted(set(page["links"])):
        target = pages.inner(page["base"], url)
        if target is None:
            continue
        name, anchor = target
        if not pages.file_of(page["base"], folder, url).is_file():
            yield f"leads nowhere: {url}"
        elif anchor and name.endswith(".html") and anchor not in read(name)["ids"]:
            yield f"no such place on the page: {url}"


def images(page):
    """Every image is there."""
    return [i["address"] for i in page["images"] if not i["width"]]


def descriptions(page):
    """Every image is described in words; one that only decorates has an empty description."""
    for image in page["images"]:
        alt = image["alt"]
        if alt is None or (alt and (len(alt) < 5 or re.search(r"\.\w{3,4}$|/", alt))):
            yield f"{image['address']}: described as {alt!r}"
        elif not alt and "/_images/" in image["address"]:
            yield f"{image['address']}: a figure without a description"


def maths(page):
    """Every formula is typeset."""
    found = page["maths"]
    if found["typeset"] != found["marked"]:
        yield f"{found['typeset']} of {found['marked']} formulas are typeset"
    if found["errors"]:
        yield f"{found['errors']} formulas have errors"
    for text in found["raw"]:
        yield f"left as it was written: {text}"


def icons(page):
    """Every icon shows a sign."""
    return page["emptyIcons"]


def code(page):
    """On a desktop, lines of the project's length are read without scrolling."""
    for block in page["code"]:
        if block["letters"] <= LETTERS and block["hidden"] > 0:
            yield f"{block['hidden']} px are hidden: {block['text']}"


def headings(page):
    """One title, and no level left out below it."""
    levels = [0, *(h["level"] for h in page["headings"])]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of level 1"
    for above, heading in zip(levels, page["headings"], strict=False):
        if heading["level"] > above + 1:
            yield f"level {heading['level']} after {above}: {heading['text']}"


def width(page):
    """Nothing sticks out of a page, wide or narrow; what is wider lies in a box that scrolls."""
    for name, view in page["views"].items():
        if view["stickingOut"]["page"] > 0:
            yield f"{name}: the page scrolls sideways by {view['stickingOut']['page']} px"
        for element in view["stickingOut"]["out"]:
            yield f"{name}: cut or sticking out: {element}"


def figures(page):
    """In both themes a figure stands out from what lies behind it; a drawn one keeps its light paper."""
    for name, view in page["views"].items():
        for figure in view["figures"]:
            where = f"{name}: {figure['address']}"
            if figure["contrast"] < 4.5:
                yield f"{where}: its strongest contrast is {figure['contrast']:.1f}"
            if figure["address"].endswith(DRAWN) and figure["ground"] < 0.5:
                yield f"{where}: its ground is dark"


def barriers(page):
    """No rule of axe is broken seriously."""
    for name, view in page["views"].items():
        for rule in view["axe"]:
            if rule["impact"] in SEVERE:
                yield f"{name}: {rule['id']}: {', '.join(rule['nodes'][:5])}"


def weight(page):
    """What a page loads, MathJax's fonts left out."""
    loaded = [(n, url) for url, _, n in page["requests"] if MATHJAX_FONTS not in url]
    if (total := sum(n for n, _ in loaded)) > LIMIT:
        yield f"{total:,} bytes, above all:"
        for size, url in sorted(loaded, reverse=True)[:10]:
            yield f"{size:>9,} {url}"
