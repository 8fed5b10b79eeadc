"""Pages in a browser: serve a folder, open a window that reaches nothing else, read what a page holds."""

import contextlib
import functools
import http.server
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("LSTM_HTML", ROOT / "_build/html")).resolve()
AXE = ROOT / "tests/node/node_modules/axe-core/axe.min.js"
FACTS = Path(__file__).with_name("facts.js").read_text(encoding="utf-8")
DESKTOP, PHONE, PAPER = (
    (1280, 800),
    (360, 740),
    (658, 930),
)  # A4 within margins of 18 mm
VIEWS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")]
SETTLED = """async (pause) => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await new Promise((done) => setTimeout(done, pause));
}"""
RESIZED, CHANGED = 400, 100  # the theme answers a change of width after 300 ms
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], preload: false });
  return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((n) => n.target.join(" ")) }));
}"""


def names(folder=HTML):
    """The pages of the book. index.html only leads to the first of them."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*.html")))
    return [p.as_posix() for p in found if p.parts[0] not in ("_static", "index.html")]


CHAPTERS = [name for name in names() if name.startswith("chapters/")]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine alone; gives its address."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def window(chromium, base, size=DESKTOP, theme="light", **options):
    """A fresh window; what does not begin with `base` is refused. Gives the page, what it asked for, what it said."""
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


def read(chromium, base, folder, name, axe=None, views=VIEWS):
    """Load a page once and gather what the checks ask for, in the given sizes and themes."""
    with window(chromium, base) as seen:
        page = seen.page
        page.goto(base + name)
        page.evaluate(SETTLED, CHANGED)
        facts = page.evaluate(f"{FACTS}.content()") | {"views": {}}
        if axe:
            page.evaluate(axe)
        width = None
        for size, theme in views:
            page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
            page.emulate_media(color_scheme=theme)
            page.evaluate(SETTLED, CHANGED if width == size[0] else RESIZED)
            width = size[0]
            view = page.evaluate(f"{FACTS}.view()")
            view["axe"] = page.evaluate(RUN_AXE) if axe else []
            facts["views"][f"{width} px, {theme}"] = view
    weigh = functools.partial(size_of, base, folder)
    facts["requests"] = [(url, status, weigh(url)) for url, status in seen.requests]
    return facts | {"base": base, "name": name, "said": seen.said}


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
