"""What the search knows of a page: its places, and of these what is looked for."""

import re

import pytest
from docutils import nodes
from sphinx import addnodes

import search

ROW = r"\mathbf{H}_t"


def paragraph(*parts):
    return nodes.paragraph("", "", *parts)


def cell(code, *classes):
    """A cell of a notebook: its code, and what it printed."""
    entered = nodes.container("", nodes.literal_block(code, code))
    printed = nodes.container("", nodes.literal_block("9.5", "9.5"))
    printed["classes"] = ["cell_output"]
    return nodes.container("", entered, printed, classes=["cell", *classes])


def section(name, *parts):
    return nodes.section("", nodes.title("", name), *parts, ids=[name.lower()])


def places(*parts):
    return [*search.places(nodes.container("", *parts))]


def test_each_section_has_its_own_words_and_none_of_those_below_it():
    inner = section("Inner", paragraph(nodes.Text("below")))
    outer = section("Outer", paragraph(nodes.Text("above")), inner)
    expected = [("outer", "Outer", "above", ""), ("inner", "Inner", "below", "")]
    assert places(outer) == expected


def test_a_formula_is_three_dots():
    text = paragraph(
        nodes.Text("The state "), nodes.math("", ROW), nodes.Text(" goes.")
    )
    [found] = places(section("S", text, nodes.math_block(ROW, ROW)))
    assert found == ("s", "S", "The state … goes. …", "")


@pytest.mark.parametrize(
    ("classes", "kept"), [([], "import lstm"), (["tag_hide-input"], "")]
)
def test_code_is_kept_apart_that_of_folds_and_what_is_printed_left_out(classes, kept):
    [found] = places(section("S", cell("import\n  lstm", *classes)))
    assert found == ("s", "S", "", kept)


def test_a_term_and_a_paper_are_places_of_their_own():
    term = nodes.term("", "cell", ids=["term-cell"])
    meaning = nodes.definition("", paragraph(nodes.Text("carried on")))
    item = nodes.definition_list_item("", term, meaning)
    glossary = addnodes.glossary("", nodes.definition_list("", item))
    paper = nodes.citation("", nodes.label("", "Elman (1990)"), ids=["cite-elman1990"])
    paper += paragraph(nodes.Text("Finding structure"))
    found = places(section("S", glossary, paper))
    assert found == [
        ("s", "S", "", ""),
        ("term-cell", "cell", "carried on", ""),
        ("cite-elman1990", "Elman (1990)", "Finding structure", ""),
    ]


def test_another_list_of_definitions_belongs_to_its_section():
    meaning = nodes.definition("", paragraph(nodes.Text("so it is")))
    item = nodes.definition_list_item("", nodes.term("", "word"), meaning)
    [found] = places(section("S", nodes.definition_list("", item)))
    assert re.fullmatch("word +so it is", found[2])
