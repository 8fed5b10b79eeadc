"""Formulas within the text: the room that is kept for them."""

import pytest

import formulas

SPAN = '<span class="math notranslate nohighlight">\\({}\\)</span>'


def placed(body):
    context = {"body": body}
    formulas.place(None, "page", "page.html", context, None)
    return context["body"]


@pytest.mark.parametrize(
    ("tex", "ems"),
    [
        ("x", 0.572),
        ("12", 1.0),  # digits are half an em in Computer Modern
        ("1 +\n1", 0.5 + 0.778 + 0.5 + 2 * 0.222),
    ],
)
def test_the_width_is_that_of_computer_modern(tex, ems):
    assert formulas.width(tex) == pytest.approx(ems / 0.431, rel=0.06)


def test_a_formula_has_its_room_and_stays_as_it_was():
    tex = r"\mathbf{X}_t \in [0, 1)"
    room = f'nohighlight" style="--room:{formulas.width(tex):.1f}ex">'
    assert placed(SPAN.format(tex)) == SPAN.format(tex).replace('nohighlight">', room)


def test_what_html_escapes_is_measured_as_it_is_shown():
    assert (
        placed(SPAN.format("a &lt; b")).count(f"{formulas.width('a < b'):.1f}ex") == 1
    )


def test_tex_that_matplotlib_does_not_know_gets_no_room():
    unknown = SPAN.format(r"\begin{matrix} 1 \end{matrix}")
    assert placed(unknown) == unknown
    assert formulas.width(r"\begin{matrix} 1 \end{matrix}") is None


def test_a_page_without_text_is_left_alone():
    formulas.place(None, "404", "404.html", context := {}, None)
    assert context == {}
