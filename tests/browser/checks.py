"""What is wrong with a page: complaints, from what was read of it by pages.read.

A check's docstring is the fact that it holds.
"""

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pages

WEIGHT = 2_000_000  # bytes that a page loads, with pictures at twice the pixels
OPENING = 250_000  # bytes before the first paragraph is painted; chapter 1: 233,776
MOVED = 0.1  # cumulative layout shift; below this is called good
INLINE = 400  # letters of a script within the head; the longest, for the theme: 282
FIRST_SCRIPTS = {"documentation_options.js"}  # those within the page refer to it
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
    """Every link within the book leads to a page that is there and a place on it."""
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


def arrival(page):
    """Pictures say their size; all but the first of a page come when they are near."""
    for n, picture in enumerate(page["pictures"]):
        if not picture["sized"]:
            yield f"{picture['address']}: the page moves when it comes"
        if n > 0 and not picture["lazy"]:
            yield f"{picture['address']}: comes at once"


def steadiness(page):
    """What is seen does not move while the page is loaded and read through."""
    if page["moved"] > MOVED:
        yield f"layout shift {page['moved']:.3f}"


def descriptions(page):
    """Every image is described in words; one that only decorates, in none."""
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
    """On a desktop, code and what it printed are read without scrolling sideways."""
    for block in page["code"]:
        if block["hidden"] > 0:
            longest = f"{block['letters']} letters, {block['hidden']} px hidden"
            yield f"{longest}: {block['text']}"


def headings(page):
    """One title, and no level left out below it."""
    levels = [0, *(h["level"] for h in page["headings"])]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of level 1"
    for above, heading in zip(levels, page["headings"], strict=False):
        if heading["level"] > above + 1:
            yield f"level {heading['level']} after {above}: {heading['text']}"


def width(page):
    """Nothing sticks out of a page; what is wider lies in a box that scrolls."""
    for name, view in page["views"].items():
        beyond, out = view["stickingOut"]["page"], view["stickingOut"]["out"]
        if beyond > 0:
            yield f"{name}: the page scrolls sideways by {beyond} px"
        for element in out:
            yield f"{name}: cut or sticking out: {element}"


def cuts(page):
    """What is wider than its box shows by a shadow that it can be scrolled."""
    for name, view in page["views"].items():
        for box in view["unmarkedCuts"]:
            yield f"{name}: cut without a sign: {box}"


def figures(page):
    """Figures stand out from their ground in both themes; it is the page's own."""
    for name, view in page["views"].items():
        for figure in view["figures"]:
            where = f"{name}: {figure['address']}"
            if figure["contrast"] < 4.5:
                yield f"{where}: its strongest contrast is {figure['contrast']:.1f}"
            apart = abs(figure["ground"] - figure["page"])
            if figure["address"].endswith(DRAWN) and apart > 0.02:
                yield f"{where}: its ground is not the page's"


def stops(page):
    """By keyboard one comes to the formulas that can be scrolled, and to no other."""
    for name, view in page["views"].items():
        for formula in view["wrongStops"]:
            yield f"{name}: {formula}"


def barriers(page):
    """No rule of axe is broken seriously."""
    for name, view in page["views"].items():
        for rule in view["axe"]:
            if rule["impact"] in SEVERE:
                yield f"{name}: {rule['id']}: {', '.join(rule['nodes'][:5])}"


def weight(page):
    """What a page loads, read to its end, is light.

    Left out are MathJax's fonts, and the network that writes, which has a limit of its
    own: 0.7 MB.
    """
    loaded = {
        url: n
        for url, _, n in page["requests"]
        if MATHJAX_FONTS not in url and file_name(url) != "writes_data.js"
    }
    yield from heavier(WEIGHT, loaded)


def opening(page):
    """What must have come before the first paragraph can be painted is light.

    That is the page up to this paragraph and what keeps the browser from painting.
    """
    sizes = {url: n for url, _, n in page["requests"]}
    first = {url: sizes[url] for url in page["blocking"]}
    yield from heavier(OPENING, first | {page["name"]: page["opening"]})


def scripts(page):
    """No script keeps a page from being painted, but for a small one."""
    for url in page["blocking"]:
        if file_name(url).endswith(".js") and file_name(url) not in FIRST_SCRIPTS:
            yield f"is waited for: {url}"
    for script in page["inlineScripts"]:
        if len(script) > INLINE:
            yield f"a script of {len(script):,} letters in the head: {script[:60]}"


def file_name(url):
    return PurePosixPath(urlsplit(url).path).name


def heavier(limit, sizes):
    """Complain of the heaviest, where together they are heavier than the limit."""
    if (total := sum(sizes.values())) > limit:
        yield f"{total:,} bytes, above all:"
        for url in sorted(sizes, key=sizes.get, reverse=True)[:10]:
            yield f"{sizes[url]:>9,} {url}"


def complaints(check, page, read, folder):
    """What a check complains of, in lines; links are followed by `read` in `folder`."""
    more = [read, folder] if check is links else []
    return "\n".join(check(page, *more))
