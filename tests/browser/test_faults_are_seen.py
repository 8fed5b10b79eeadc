"""The checks see what is broken: each fault is planted in a copy of the book."""

import functools
import re
import shutil

import pytest

import checks
import pages

CHAPTER = "chapters/01_theory.html"
BOOK_STYLES = "_static/book.css"
SEEN_ON_A_PHONE = {checks.width, checks.cuts, checks.figures, checks.stops}
PHONE = [(pages.PHONE, "light")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A copy of the site, in a folder and served."""
    folder = tmp_path_factory.mktemp("site") / "html"
    shutil.copytree(pages.HTML, folder)
    with pages.served(folder) as base:
        yield folder, base


@pytest.fixture
def plant(whole):
    """Change a file of the copy, or remove it; afterwards the copy is whole again."""
    folder, _ = whole
    kept = {}

    def change(name, old=None, new=""):
        path = folder / name
        kept[path] = path.read_bytes()
        if old is None:
            path.unlink()
        else:
            text = re.sub(old, new, kept[path].decode(), count=1)
            path.write_text(text, encoding="utf-8")
            assert path.read_bytes() != kept[path], f"{old} is not in {name}"

    yield change
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.fixture
def complaints(whole, chromium):
    """What a check complains of in the chapter of the copy, as the copy is now."""
    folder, base = whole

    def of(check):
        views = PHONE if check in SEEN_ON_A_PHONE else []
        one = functools.partial(pages.read, chromium, base, folder, views=views)
        read = functools.cache(one)
        return checks.complaints(check, read(CHAPTER), read, folder)

    return of


@pytest.mark.parametrize(
    ("check", "complaint"),
    [(checks.images, "{}"), (checks.requests, "404: {}"), (checks.messages, "404")],
)
def test_a_missing_image_is_seen(whole, plant, complaints, check, complaint):
    folder, base = whole
    text = (folder / CHAPTER).read_text(encoding="utf-8")
    name = re.search(r"_images/\w+\.png", text).group()
    plant(name)
    assert complaint.format(base + name) in complaints(check)


def heads(tag):
    """A fault within the page's head."""
    return "</head>", f"{tag}</head>"


def opens(html):
    """A fault before the first paragraph."""
    return "<p>", f"{html}<p>"


def figure(attributes):
    """A fault of the first figure."""
    return r'<img ([^>]*)alt="[^"]+" src="', rf'<img \1{attributes} src="'


def section(level):
    """A fault in the level of a heading."""
    return r"<h2>1\.2(.*?)</h2>", rf"<h{level}>1.2\1</h{level}>"


LONG = (
    '<div style="width: 50px; overflow: hidden; white-space: nowrap">a long line</div>'
)
PUSH = """addEventListener("load", () => setTimeout(() => {
  document.querySelector("article").style.paddingTop = "300px";
}, 30))"""
PLANTED = {
    "a broken link": (
        ('href="02_scratch.html"', 'href="02_lost.html"'),
        checks.links,
        "leads nowhere: .*02_lost",
    ),
    "a broken anchor": (
        ('href="#summary"', 'href="#sumary"'),
        checks.links,
        "no such place on the page: .*#sumary",
    ),
    "an outside script": (
        heads('<script src="https://example.org/a.js"></script>'),
        checks.requests,
        "another host: https://example.org/a.js",
    ),
    "an error in a script": (
        heads("<script>undefined.x</script>"),
        checks.messages,
        "error: .*undefined",
    ),
    "a level left out": (section(4), checks.headings, "level 4 after 2: 1.2"),
    "a second title": (section(1), checks.headings, "2 headings of level 1"),
    "no description": (figure(""), checks.descriptions, "described as None"),
    "a path for a description": (
        figure('alt="../_images/a.png"'),
        checks.descriptions,
        "described as '../_images/a",
    ),
    "no MathJax": (
        ("<script[^>]*startup[.]js[^>]*></script>", ""),
        checks.maths,
        "0 of .* formulas are typeset",
    ),
    "a wrong formula": (
        (r"\\\(", r"\\(\\left( "),
        checks.maths,
        "1 formulas have errors",
    ),
    "a formula left over": (
        opens("$x^2$"),
        checks.maths,
        r"left as it was written: \$x\^2\$",
    ),
    "an unknown icon": (
        ('class="fa-solid fa-bars"', 'class="fa-solid fa-barz"'),
        checks.icons,
        "fa-barz",
    ),
    "code in large letters": (
        heads("<style>pre { font-size: 30px !important }</style>"),
        checks.code,
        r"(?m)^([1-8]\d|\d) letters, \d+ px hidden",
    ),
    "a long line": (
        opens(f"<pre>{'x' * 120}</pre>"),
        checks.code,
        "120 letters, .* px hidden: xxx",
    ),
    "a long line in a fold": (
        opens(f"<details><pre>{'y' * 120}</pre></details>"),
        checks.code,
        "120 letters, .* px hidden: yyy",
    ),
    "a wide box": (
        opens('<div style="width: 1500px">wide</div>'),
        checks.width,
        "scrolls sideways|sticking out",
    ),
    "cut text": (opens(LONG), checks.width, "cut or sticking out"),
    "a wide box without a shadow": (
        opens(f"<pre>{'x' * 120}</pre>"),
        checks.cuts,
        "cut without a sign: <pre",
    ),
    "a wide table before its shadow": (
        heads("<style>td { background: #eee !important }</style>"),
        checks.cuts,
        "cut without a sign: <div",
    ),
    "a picture without its size": (
        (r'width="\d+" height="\d+" (decoding)', r"\1"),
        checks.arrival,
        "png: the page moves when it comes",
    ),
    "a picture from below at once": (
        ('loading="lazy"', ""),
        checks.arrival,
        "png: comes at once",
    ),
    "text that moves": (heads(f"<script>{PUSH}</script>"), checks.steadiness, "shift"),
    "a slab of another colour": (
        figure('style="filter: invert(1)"'),
        checks.figures,
        "its ground is not the page's",
    ),
    "a faint figure": (
        figure('style="filter: contrast(0.1)"'),
        checks.figures,
        "its strongest contrast is",
    ),
    "a heavy page": (heads(f"<!--{'x' * checks.WEIGHT}-->"), checks.weight, CHAPTER),
    "a heavy opening": (
        heads(f"<!--{'x' * checks.OPENING}-->"),
        checks.opening,
        CHAPTER,
    ),
    "a script in the head": (
        heads('<script src="../_static/language_data.js"></script>'),
        checks.scripts,
        "is waited for: .*language_data.js",
    ),
    "MathJax waited for": (
        ('defer="defer" (src="[^"]*startup.js)', r"\1"),
        checks.scripts,
        "is waited for: .*startup.js",
    ),
    "a long script in the head": (
        heads(f"<script>// {'x' * checks.INLINE}</script>"),
        checks.scripts,
        r"\d letters in the head: // xxx",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_is_seen(plant, complaints, fault):
    change, check, complaint = PLANTED[fault]
    plant(CHAPTER, *change)
    assert re.search(complaint, complaints(check))


def test_a_heavy_stylesheet_is_seen(plant, complaints):
    plant(BOOK_STYLES, r"\Z", f"/*{'x' * checks.OPENING}*/")
    assert BOOK_STYLES in complaints(checks.opening)


def test_needless_stops_at_formulas_are_seen(plant, complaints):
    plant("_static/book.js", r"\? 0 : -1", "? 0 : 0")
    assert "360 px, light: tabindex 0: " in complaints(checks.stops)


FAINT = '<p style="color: #ccc"><button></button>'
FAINT_CODE = '<pre>as the others <span style="color: #ccc">but this</span></pre>'


def test_a_serious_barrier_is_seen(whole, chromium, plant):
    folder, base = whole
    plant(CHAPTER, "<p>(?s:(.*))</article>", rf"{FAINT}\1{FAINT_CODE}</article>")
    page = pages.read(chromium, base, folder, CHAPTER, pages.axe(), PHONE)
    found = "\n".join(checks.barriers(page))
    assert "button-name" in found
    assert re.search(r"color-contrast: .*\bp\b.*\bspan\b", found)


LATER = """<script>addEventListener("load", () => {
  const src = "../_static/mathjax/startup.js";
  document.head.append(Object.assign(document.createElement("script"), { src }));
})</script>"""
STARTS = '<script defer="defer" (src="[^"]*startup.js"></script>)'
WAITING = {
    "text for MathJax": (STARTS, r"<script \1", pages.TEXT, pages.MATHJAX),
    "formulas for figures": (STARTS, LATER, pages.FORMULAS, pages.FIGURES),
}


@pytest.mark.parametrize("fault", WAITING)
def test_it_is_seen_what_waits(whole, chromium, plant, fault):
    _, base = whole
    old, new, what, without = WAITING[fault]
    plant(CHAPTER, old, new)
    assert not pages.comes(chromium, base, CHAPTER, what, without, patience=4)


LAST_FIRST = """"startup": {"pageReady": () => MathJax.typesetPromise(
  [...document.querySelectorAll(".math")].slice(-1)
).then(() => MathJax.startup.defaultPageReady())}, "loader": """


def test_it_is_seen_that_the_last_formula_is_typeset_first(whole, chromium, plant):
    _, base = whole
    plant("book/notation.html", '"loader": ', LAST_FIRST)
    *_, overtaken = pages.typesetting(chromium, base, "book/notation.html")
    assert overtaken


def test_the_copy_has_none_of_these_by_itself(whole, chromium):
    folder, base = whole
    one = functools.partial(pages.read, chromium, base, folder, views=PHONE)
    read = functools.cache(one)
    for check in {check for _, check, _ in PLANTED.values()}:
        assert not checks.complaints(check, read(CHAPTER), read, folder)
