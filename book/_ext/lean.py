"""Lean pages: of MathJax, stylesheet and icons, a page loads what the book uses.

The theme brings 400 kB of rules and 1.7 MB of icons for sites of every kind; MathJax in
one file brings a menu of 400 kB. Without them a page weighs a third, and looks the
same.
"""

import importlib.util
import re
import shutil
from pathlib import Path

from docutils import nodes
from fontTools import subset

STYLES = "styles/pydata-sphinx-theme.css"
BOOK_STYLES = "styles/sphinx-book-theme.css"
FONTS = "vendor/fontawesome/webfonts"
FONT = f"{FONTS}/fa-solid-900.ttf"
UNUSED = ["scripts/fontawesome.js", "scripts/fontawesome.js.map", "locales"]
UNUSED += ["searchtools.js"]  # search.js is the book's own


def copy_mathjax(static, parts):
    """Copy the parts of MathJax that `mathjax3_config` loads, and what these load."""
    package = importlib.util.find_spec("sphinx-mathjax-offline").origin
    source, target = Path(package).parent / "static/mathjax", static / "mathjax"
    shutil.rmtree(target, ignore_errors=True)
    for part in ["startup", *parts]:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / f"{part}.js", target / f"{part}.js")
    for folder in ("input/tex/extensions", "output/chtml/fonts"):
        shutil.copytree(source / folder, target / folder)


def rules(css):
    """Split a stylesheet at its outermost braces and semicolons."""
    start = depth = 0
    for mark in re.finditer("[{};]", css):
        depth += {"{": 1, "}": -1, ";": 0}[mark.group()]
        if depth == 0:
            yield css[start : mark.end()]
            start = mark.end()


def trim(css, words):
    """Leave out the rules for classes and ids that no page and no script names."""

    def used(selector):
        required = re.sub(r":not\([^)]*\)", "", selector)
        return words.issuperset(re.findall(r"[.#]([A-Za-z][\w-]*)", required))

    kept = []
    for rule in rules(css):
        head, _, body = rule.partition("{")
        if head.startswith(("@media", "@supports")):
            if inner := trim(body[:-1], words):
                kept.append(f"{head}{{{inner}}}")
        elif head.startswith("@") or not body:
            kept.append(rule)
        elif selectors := list(filter(used, re.split(r",(?![^(]*\))", head))):
            kept.append(f"{','.join(selectors)}{{{body}")
    return "".join(kept)


def trim_icons(static, css):
    """Keep of the icon font the signs that the stylesheets show; returns the first."""
    styles = css + (static / BOOK_STYLES).read_text(encoding="utf-8")
    signs = [int(code, 16) for code in re.findall(r'"\\([ef]\w{3})"', styles)]
    signs += [ord(sign) for sign in re.findall("[\ue000-\uf8ff]", styles)]
    font = subset.load_font(static / FONT, subset.Options())
    subsetter = subset.Subsetter()
    subsetter.populate(unicodes=signs)
    subsetter.subset(font)
    for path in (static / FONTS).iterdir():
        path.unlink()
    font.save(static / FONT)
    css = re.sub(r'url\([^)]*woff2\) format\("woff2"\),', "", css)
    return re.sub(r"@font-face\{[^}]*(regular|brands)-400[^}]*\}", "", css)


def drop_mathjax(app, page, template, context, doctree):
    """Leave MathJax out of a page without formulas, whatever the pages below have."""
    alone = app.builder.name == "html" and doctree is not None
    if alone and not any(doctree.findall(nodes.math)):
        scripts = context["script_files"]
        scripts[:] = [s for s in scripts if "mathjax/" not in str(s.filename)]


def defer(app, page, template, context, doctree):
    """Have no script waited for but the one that those within the page refer to."""
    for script in context.get("script_files", []):
        name = str(script.filename or "")
        if name and not name.endswith("documentation_options.js"):
            script.attributes["defer"] = "defer"


def unwrap(app, page, template, context, doctree):
    """Leave out the spans of names and punctuation, which have the code's own colour.

    They are half of a long page's marks, a quarter of its bytes.
    """
    if "body" in context:
        spans = r'<span class="[npw]">([^<]*)</span>'
        context["body"] = re.sub(spans, r"\1", context["body"])


def make_lean(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    copy_mathjax(static, app.config.mathjax3_config["loader"]["load"])
    for name in UNUSED:
        path = static / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    pages = [p for p in Path(app.outdir).rglob("*.html") if static not in p.parents]
    scripts = [*static.glob("*.js"), *static.glob("scripts/*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in [*pages, *scripts])
    path = static / STYLES
    css = path.read_text(encoding="utf-8")
    licences = dict.fromkeys(re.findall(r"/\*!.*?\*/", css, flags=re.S))
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    css = trim(css, set(re.findall(r"[\w-]+", text)))
    css = "".join([trim_icons(static, css), *licences])
    path.write_text(css, encoding="utf-8")


def setup(app):
    app.connect("html-page-context", drop_mathjax, priority=900)
    app.connect("html-page-context", defer, priority=900)
    app.connect("html-page-context", unwrap)
    app.connect("build-finished", make_lean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
