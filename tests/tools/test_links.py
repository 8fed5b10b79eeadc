"""Links: what a text names becomes a link to it, and nothing else does."""

from pathlib import Path

import pytest

import links

CHAPTERS = Path(__file__).parents[2] / "chapters"
HERE = CHAPTERS / "07_gradients.ipynb"
NINE = "01_theory.ipynb#1.9-The-whole-in-one-place"
GERS = "../book/bibliography.md#cite-gers2000"
FIVE = "01_theory.ipynb#1.5-The-gates"


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("see section 1.9.", f"see [section 1.9]({NINE})."),
        ("Section 1.9's cell", f"[Section 1.9]({NINE})'s cell"),
        ("sections 1.5 and 1.9", f"sections [1.5]({FIVE}) and [1.9]({NINE})"),
        ("in chapter\n1,", "in [chapter\n1](01_theory.ipynb),"),
        ("chapters 1 to 3", "chapters [1](01_theory.ipynb) to [3](03_concise.ipynb)"),
        ("by (1.9) here", "by [(1.9)](01_theory.ipynb#eq-1.9) here"),
        ("by (7.2) here", "by [(7.2)](#eq-7.2) here"),
        ("chapter 7", "[chapter 7](07_gradients.ipynb)"),
        ("Gers et al. (2000)", f"[Gers et al. (2000)]({GERS})"),
        ("[Gers et al.\n(2000)](https://doi.org/10.1162/089976600300015015)",
         f"[Gers et al.\n(2000)]({GERS})"),
    ],
)  # fmt: skip
def test_what_is_named_is_linked(text, linked):
    assert links.link(text, HERE) == linked


@pytest.mark.parametrize(
    "text",
    [
        "`section 1.9`",
        "$f(1.9)$ and $$(1.9)$$",
        "a call f(1.9), a number (0.5)",
        "## 7.1 As in section 1.9",
        "[section 1.9](elsewhere.md)",
        "```\nsection 1.9\n```",
        "[Learning to forget](https://doi.org/10.1162/089976600300015015), 2000",
    ],
)
def test_code_formulas_links_headings_and_other_numbers_stay(text):
    assert links.link(text, HERE) == text


@pytest.mark.parametrize(
    "named", ["section 1.99", "chapter 99", "sections 1.5 to 1.77"]
)
def test_what_is_not_there_is_an_error(named):
    with pytest.raises(ValueError, match="there is no (section|chapter)"):
        links.link(f"see {named}.", HERE)


def test_a_term_is_linked_where_it_stands_first():
    terms = {"gate": "book/glossary.md#term-gate"}
    target = links.BOOK / "glossary.md"
    terms = {"gate": f"{target}#term-gate"}
    first = links.link("`gate`, two Gates, a gate", HERE, terms)
    assert first == "`gate`, two [Gates](../book/glossary.md#term-gate), a gate"
    assert links.link("a gate", HERE, terms) == "a gate"


def test_a_part_of_a_name_is_no_term():
    terms = {"validation": "a", "LSTM": "b"}
    for text in ("cross-validation", "nn.LSTM", "my_LSTM"):
        assert links.link(text, HERE, terms) == text


def test_in_a_table_a_column_of_sections_leads_there_and_no_other_number_does():
    head = "| trap | at | section |\n|---|---|---|\n"
    table = f"{head}| `a` | 1.9 | 1.5, 1.9 |\n| b | 1.5 |  |\n"
    links_ = f"[1.5]({FIVE}), [1.9]({NINE})"
    assert links.link(table, HERE) == (
        f"{head}| `a` | 1.9 | {links_} |\n| b | 1.5 |  |\n"
    )
    other = table.replace("section", "value")
    assert links.link(other, HERE) == other
    with pytest.raises(ValueError, match="no section 1.99"):
        links.link(table.replace("1.5, 1.9", "1.99"), HERE)


def test_solutions_lead_up():
    found = links.link("section 1.9", CHAPTERS / "solutions/07_gradients.ipynb")
    assert found == f"[section 1.9](../{NINE})"


@pytest.mark.parametrize(
    "block", ["$$a \\tag{7.2}$$", "\\begin{align*}\na \\tag{7.2}\n\\end{align*}"]
)
def test_an_equation_has_an_anchor(block):
    anchor = '<a id="eq-7.2"></a>'
    found = links.link(f"so\n\n{block}\n\nand", HERE)
    assert found == f"so\n\n{anchor}\n\n{block}\n\nand"


def test_every_equation_of_the_chapters_has_its_anchor():
    for number, target in links.equations().items():
        path = Path(target.partition("#")[0])
        text = path.read_text(encoding="utf-8")
        assert text.count(f'<a id=\\"eq-{number}\\"></a>') == 1


def test_a_term_is_not_linked_where_it_means_another_thing():
    names = "13_forecasting", "x"
    there, elsewhere = (links.terms(CHAPTERS / f"{n}.ipynb") for n in names)
    assert elsewhere == links.glossary()
    assert {*elsewhere} - {*there} == {"cell", "temperature"}
