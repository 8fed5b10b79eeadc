"""Pages in a browser: serve a folder, open a window, read what a page holds."""

import contextlib
import functools
import http.server
import os
import re
import threading
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

from playwright.sync_api import TimeoutError

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("LSTM_HTML", ROOT / "_build/html")).resolve()
FACTS = Path(__file__).with_name("facts.js").read_text(encoding="utf-8")
DESKTOP, PHONE = (1280, 800), (360, 740)
PAPER = (658, 930)  # A4 within margins of 18 mm
VIEWS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")]
SETTLED = """async (pause) => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await new Promise((done) => setTimeout(done, pause));
}"""
# Interactive figures start once a page is there, and letters come when they are near;
# then the page is at its top again
STARTED = """async () => {
  const waits = (place) =>
    !("ready" in place.dataset) || place.querySelector(".letters:empty");
  for (const place of document.querySelectorAll(".interactive[data-figure]"))
    while (waits(place)) {
      (place.querySelector(".letters") ?? place).scrollIntoView();
      await new Promise((done) => setTimeout(done, 50));
    }
  scrollTo(0, 0);
}"""
RESIZED, CHANGED = 400, 100  # the theme answers a change of width after 300 ms
# How far the text has moved by itself (the list of contents beside it unfolds where one
# reads); then all pictures are there
STILL = """
window.moved = 0;
const inText = ({ node }) => document.querySelector("article")?.contains(node);
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput && entry.sources.some(inText)) moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
READ_THROUGH = """async () => {
  for (let top = 0; top < document.body.scrollHeight; top += innerHeight) {
    scrollTo(0, top);
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 20)));
  }
  const come = (image) => {
    image.loading = "eager";
    return image.decode().catch(() => {}); // one that is missing is complained of
  };
  await Promise.all([...document.images].map(come));
  scrollTo(0, 0);
  return moved;
}"""
# For what a reader sees first: mark title and first paragraph, and note when they are
# painted; note whether a formula further down is typeset before one on the first screen
WATCH = """
window.painted = new Set();
window.overtaken = false;
new PerformanceObserver((list) => {
  for (const { identifier } of list.getEntries()) painted.add(identifier);
}).observe({ type: "element", buffered: true });
new MutationObserver(() => {
  const mark = (name) =>
    document.querySelector(`article ${name}`)?.setAttribute("elementtiming", name);
  ["h1", "p"].forEach(mark);
  const formulas = [...document.querySelectorAll(".math")];
  const typeset = formulas.filter((formula) => formula.querySelector("mjx-container"));
  const isFirst = (formula) => formula.getBoundingClientRect().top < innerHeight;
  if (typeset.length && !typeset.every(isFirst))
    overtaken ||= !formulas.filter(isFirst).every((f) => typeset.includes(f));
}).observe(document, { childList: true, subtree: true });
"""
TEXT = "painted.has('h1') && painted.has('p')"
FORMULAS = """document.readyState !== "loading" &&
  document.querySelectorAll(".math:not(:has(mjx-container))").length === 0"""
TYPESETTING = """() => {
  const formulas = [...document.querySelectorAll(".math")];
  const first = formulas.filter((f) => f.getBoundingClientRect().top < innerHeight);
  return [first.length, formulas.length, overtaken];
}"""
MATHJAX, FIGURES = "**/mathjax/startup.js", "**/_images/*"


def axe():
    """The rules of accessibility, as a script to be run in a page."""
    kept = resources.files("axe_playwright_python") / "axe.min.js"
    return kept.read_text(encoding="utf-8")


def names(folder=HTML):
    """The pages of the book. index.html only leads to the first of them."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*.html")))
    return [p.as_posix() for p in found if p.parts[0] not in ("_static", "index.html")]


CHAPTERS = [name for name in names() if name.startswith("chapters/")]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = (
        64  # a page asks for thirty files at once; with 5 some get lost
    )


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine alone; gives its address."""
    handler = functools.partial(Quiet, directory=folder)
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def window(chromium, base, size=DESKTOP, theme="light", **options):
    """A fresh window, in which what does not begin with `base` is refused.

    Gives the page, what it asked for, and what it said.
    """
    width, height = size
    viewport = {"width": width, "height": height}
    context = chromium.new_context(
        viewport=viewport, color_scheme=theme, reduced_motion="reduce", **options
    )
    context.route(re.compile(f"^(?!{re.escape(base)})"), lambda route: route.abort())
    seen = SimpleNamespace(page=context.new_page(), requests=[], said=[])
    seen.page.on("response", lambda r: seen.requests.append((r.url, r.status)))
    seen.page.on("requestfailed", lambda r: seen.requests.append((r.url, r.failure)))
    seen.page.on("pageerror", lambda error: seen.said.append(f"error: {error}"))
    seen.page.on("console", lambda m: seen.said.append(f"{m.type}: {m.text}"))
    try:
        yield seen
    finally:
        context.close()


def comes(chromium, base, name, what, without, patience=30):
    """Whether a page comes to show something while a part of it is not answered.

    `what` is a condition for a page in which WATCH runs, `patience` is in seconds.
    """
    held = []
    with window(chromium, base) as seen:
        page = seen.page
        page.add_init_script(WATCH)
        page.route(without, lambda route: held.append(route))
        page.goto(base + name, wait_until="commit")
        try:
            page.wait_for_function(what, timeout=1000 * patience)
        except TimeoutError:
            return False
        assert held, f"{name} does not ask for {without}"
        return True


def typesetting(chromium, base, name):
    """How the formulas of a page are typeset.

    Gives the number of those on the first screen and of all, and whether one further
    down was typeset before one on the first screen.
    """
    with window(chromium, base) as seen:
        seen.page.add_init_script(WATCH)
        seen.page.goto(base + name)
        seen.page.wait_for_function(FORMULAS)
        return seen.page.evaluate(TYPESETTING)


def read(chromium, base, folder, name, axe=None, views=VIEWS):
    """Load a page and gather what the checks ask for, in the given sizes and themes.

    In a size's second theme axe judges colours alone: VIEWS begins each with another.
    """
    with window(chromium, base) as seen:
        page = seen.page
        page.add_init_script(STILL)
        page.goto(base + name)
        page.evaluate(SETTLED, CHANGED)
        pictures = page.evaluate(f"{FACTS}.pictures()")
        moved = page.evaluate(READ_THROUGH)
        page.evaluate(STARTED)
        facts = page.evaluate(f"{FACTS}.content()") | {"views": {}}
        facts |= {"pictures": pictures, "moved": moved}
        if axe:
            page.evaluate(axe)
        width, met = DESKTOP[0], set()
        for size, theme in views:
            page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
            page.emulate_media(color_scheme=theme)
            page.evaluate(SETTLED, CHANGED if width == size[0] else RESIZED)
            width = size[0]
            view = page.evaluate(f"{FACTS}.view()")
            barriers = f"{FACTS}.barriers({str(size not in met).lower()})"
            view["axe"] = page.evaluate(barriers) if axe else []
            met.add(size)
            facts["views"][f"{width} px, {theme}"] = view
    weigh = functools.partial(size_of, base, folder)
    facts["requests"] = [(url, status, weigh(url)) for url, status in seen.requests]
    facts |= {"base": base, "name": name, "said": seen.said}
    return facts | {"opening": size_to_first_paragraph(folder / name)}


def size_to_first_paragraph(path):
    """The bytes of a page up to the end of the first paragraph of its text."""
    content = path.read_bytes()
    found = re.search(rb"<article.*?</p>", content, re.DOTALL)
    return found.end() if found else len(content)


def file_of(base, folder, url):
    """The file behind an address of the served folder."""
    return folder / unquote(urlsplit(url).path.removeprefix(urlsplit(base).path))


def size_of(base, folder, url):
    path = file_of(base, folder, url) if url.startswith(base) else None
    return path.stat().st_size if path and path.is_file() else 0


def inner(base, url):
    """Page and anchor of an address within the book, None of one outside."""
    address, anchor = urldefrag(url)
    return (address.removeprefix(base), anchor) if address.startswith(base) else None
