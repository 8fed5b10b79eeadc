"""Targets that links in notebooks name: Jupyter's headings, equations, terms, papers.

A notebook's links are to work in Jupyter and on the built pages alike. So headings are
named as Jupyter names them, and what has an id of its own can be linked like a heading.
"""

import re

from docutils import nodes
from docutils.transforms import Transform
from pybtex import database
from sphinx import addnodes

ANCHOR = re.compile(r'<a id="([^"]+)">')


def slug(title):
    """How Jupyter names a heading."""
    return title.replace("`", "").replace(" ", "-")


def is_anchor(node):
    """Whether a node is a line of anchors, for what comes next."""
    return isinstance(node, nodes.paragraph) and re.fullmatch(
        rf"({ANCHOR.pattern}</a>)+", "".join(node.astext().split("\n"))
    )


class Anchors(Transform):
    """Let links lead to what is no heading: equations, terms, papers."""

    default_priority = 500  # before links to #names are resolved

    def apply(self):
        names = getattr(self.document, "myst_slugs", None)
        if names is None:
            return
        for anchor in [*self.document.findall(is_anchor)]:
            place = anchor.parent.index(anchor)
            marked = anchor.parent[place + 1]
            for name in ANCHOR.findall(anchor.astext()):
                marked["ids"].append(name)
                names[name] = (anchor.line, name, "")
            anchor.parent.remove(anchor)
        for term in self.document.findall(nodes.term):
            if isinstance(term.parent.parent.parent, addnodes.glossary):
                for name in term["ids"]:
                    names[name] = (term.line, name, term.astext())
        for section in self.document.findall(nodes.section):
            if "slug" in section and section["slug"] not in section["ids"]:
                section["ids"].append(section["slug"])  # for links from elsewhere
        env = self.document.settings.env
        if env.docname == "book/bibliography":
            [path] = env.config.bibtex_bibfiles
            for key in database.parse_file(f"{env.srcdir}/{path}").entries:
                names[f"cite-{key}"] = (0, f"cite-{key}", "")


def setup(app):
    app.add_transform(Anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
