"""Search: what every section says, in one script, which pages opened as files may load.

A section, a term of the glossary and an entry of the bibliography are each a place to
be found, with an address of its own. Left out is what nobody looks for by words: the
formulas, folded code (the set-up, plumbing, assertions), and what cells print.
`book/_static/search.js` looks through it.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

PLACES = (nodes.section, nodes.definition_list_item, nodes.citation)
FORMULAS = (nodes.math, nodes.math_block)
FOLDED, PRINTED = "tag_hide-input", "cell_output"
UNREAD = (nodes.comment, nodes.raw, nodes.image)


def is_place(node):
    """Whether a node is found by itself, and not as a part of what it stands in."""
    if isinstance(node, nodes.definition_list_item):
        return isinstance(node.parent.parent, addnodes.glossary)
    return isinstance(node, PLACES)


def is_left_out(node):
    classes = getattr(node, "attributes", {}).get("classes", [])
    unread = FOLDED in classes or PRINTED in classes or isinstance(node, UNREAD)
    return unread or is_place(node)


def words(node):
    """What is to be read in a line of text; "…" stands for a formula."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, FORMULAS):
        return "…"
    return "".join(words(child) for child in node if not is_left_out(child))


def blocks(node):
    """The paragraphs, items, cells of tables and pieces of code within a node."""
    if is_left_out(node):
        return
    if isinstance(node, nodes.TextElement):
        yield node
    else:
        for child in node:
            yield from blocks(child)


def joined(blocks):
    return " ".join(" ".join(map(words, blocks)).split())


def places(doctree):
    """Of each place on a page: its anchor, its title, its prose and its code."""
    for place in doctree.findall(is_place):
        title, *rest = place
        names = (title if isinstance(title, nodes.term) else place)["ids"]
        found = [block for part in rest for block in blocks(part)]
        code = [block for block in found if isinstance(block, nodes.literal_block)]
        prose = [block for block in found if block not in code]
        yield names[0], joined([title]), joined(prose), joined(code)


def index(app):
    """Of each place of the book: its address, the title of its page, and its own."""
    for name in sorted(app.env.found_docs):
        doctree = app.env.get_and_resolve_doctree(name, app.builder)
        page, *within = places(doctree)
        address, title = app.builder.get_target_uri(name), page[1]
        yield address, title, *page[1:]
        for anchor, *texts in within:
            yield f"{address}#{anchor}", title, *texts


def write_index(app, exception):
    """Put it in the place of Sphinx's index, which knows whole pages only."""
    if exception is None and app.builder.name == "html":
        found = json.dumps([*index(app)], ensure_ascii=False, separators=(",", ":"))
        path = Path(app.outdir, "searchindex.js")
        path.write_text(f"window.PLACES = {found};\n", encoding="utf-8")


def setup(app):
    app.connect("build-finished", write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
