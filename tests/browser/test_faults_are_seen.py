"""The checks see what is broken: each fault is planted in a copy of one chapter and its neighbours."""

import functools
import re
import shutil

import checks
import pages
import pytest

CHAPTER = "chapters/01_theory.html"
SEEN_ON_A_PHONE = {checks.width, checks.figures}
PHONE = [(pages.PHONE, "light")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A copy of the site, in a folder and served."""
    folder = tmp_path_factory.mktemp("site") / "html"
    shutil.copytree(pages.HTML, folder)
    with pages.served(folder) as base:
        yield folder, base


@pytest.fixture
def broken(whole, chromium):
    """Break a file of the copy, and hear the complaints of a check; the copy is whole again afterwards."""
    folder, base = whole
    kept = {}

    def hear(name, old, new, check):
        path = folder / name
        kept[path] = path.read_bytes()
        if old is None:
            path.unlink()
        else:
            text = kept[path].decode()
            path.write_text(re.sub(old, new, text, count=1), encoding="utf-8")
            assert path.read_bytes() != kept[path], f"{old} is not in {name}"
        views = PHONE if check in SEEN_ON_A_PHONE else []
        read = functools.cache(
            lambda name: pages.read(chromium, base, folder, name, views=views)
        )
        more = [read, folder] if check is checks.links else []
        return "\n".join(check(read(CHAPTER), *more))

    yield hear
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("check", "complaint"),
    [(checks.images, "{}"), (checks.requests, "404: {}"), (checks.messages, "404")],
)
def test_a_missing_image_is_seen(broken, whole, check, complaint):
    folder, base = whole
    text = (folder / CHAPTER).read_text(encoding="utf-8")
    name = re.search(r"_images/\w+\.png", text).group()
    assert complaint.format(base + name) in broken(name, None, None, check)


DESCRIBED = r'<img alt="[^"]+" src="\.\./_images'
PLANTED = {
    "a broken link": ('href="02_scratch.html"', 'href="02_lost.html"', checks.links, "leads nowhere: .*02_lost"),
    "a broken anchor": ('href="#summary"', 'href="#sumary"', checks.links, "no such place on the page: .*#sumary"),
    "an outside script": ("</head>", '<script src="https://example.org/a.js"></script></head>', checks.requests,
                          "asks another host: https://example.org/a.js"),
    "an error in a script": ("</head>", "<script>undefined.x</script></head>", checks.messages, "error: .*undefined"),
    "a level left out": (r"<h2>1\.2(.*?)</h2>", r"<h4>1.2\1</h4>", checks.headings, "level 4 after 2: 1.2"),
    "a second title": (r"<h2>1\.2(.*?)</h2>", r"<h1>1.2\1</h1>", checks.headings, "2 headings of level 1"),
    "no description": (DESCRIBED, '<img src="../_images', checks.descriptions, "described as None"),
    "a path for a description": (DESCRIBED, '<img alt="../_images/a.png" src="../_images', checks.descriptions,
                                 "described as '../_images/a.png'"),
    "no MathJax": ('<script[^>]*startup[.]js[^>]*></script>', "", checks.maths, "0 of .* formulas are typeset"),
    "a wrong formula": (r"\\\(", r"\\(\\left( ", checks.maths, "1 formulas have errors"),
    "a formula left over": ("<p>", "<p>$x^2$ ", checks.maths, r"left as it was written: \$x\^2\$"),
    "an unknown icon": ('class="fa-solid fa-bars"', 'class="fa-solid fa-barz"', checks.icons, "fa-barz"),
    "code in large letters": ("</head>", "<style>pre { font-size: 30px !important }</style></head>", checks.code,
                              "px are hidden: <pre"),
    "a wide box": ("<p>", '<div style="width: 1500px">wide</div><p>', checks.width, "scrolls sideways|sticking out"),
    "cut text": ("<p>", '<div style="width: 50px; overflow: hidden; white-space: nowrap">a long line of text</div><p>',
                 checks.width, "cut or sticking out"),
    "a dark figure": (DESCRIBED, '<img style="filter: invert(1)" src="../_images', checks.figures,
                      "its ground is dark"),
    "a faint figure": (DESCRIBED, '<img style="filter: contrast(0.1)" src="../_images', checks.figures,
                       "its strongest contrast is"),
    "a heavy page": ("</head>", "<!--" + "x" * checks.LIMIT + "--></head>", checks.weight, CHAPTER),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_is_seen(broken, fault):
    old, new, check, complaint = PLANTED[fault]
    assert re.search(complaint, broken(CHAPTER, old, new, check))


def test_a_serious_barrier_is_seen(whole, chromium):
    folder, base = whole
    text = (folder / CHAPTER).read_text(encoding="utf-8")
    text = text.replace("<p>", '<p style="color: #ccc"><button></button>', 1)
    (folder / "chapters/barrier.html").write_text(text, encoding="utf-8")
    axe = pages.AXE.read_text(encoding="utf-8")
    page = pages.read(chromium, base, folder, "chapters/barrier.html", axe, PHONE)
    complaints = "\n".join(checks.barriers(page))
    assert "color-contrast" in complaints
    assert "button-name" in complaints


def test_the_copy_has_none_of_these_by_itself(whole, chromium):
    folder, base = whole
    page = pages.read(chromium, base, folder, CHAPTER, views=PHONE)
    for check in {planted[2] for planted in PLANTED.values()} - {checks.links}:
        assert not list(check(page)), check.__doc__
