"""A page opens: what a reader sees before the rest of it has come.

Nothing is timed: a part of the page is left unanswered, and the others must not wait.
"""

import statistics

import pages

CHAPTER = "chapters/01_theory.html"
MANY_FORMULAS = "book/notation.html"  # on its first screen, too


def test_title_and_first_paragraph_are_painted_before_mathjax_has_come(chromium, site):
    assert pages.comes(chromium, site, CHAPTER, pages.TEXT, without=pages.MATHJAX)


def test_every_formula_is_typeset_before_a_figure_has_come(chromium, site):
    assert pages.comes(chromium, site, CHAPTER, pages.FORMULAS, without=pages.FIGURES)


def test_no_formula_is_typeset_before_those_of_the_first_screen(chromium, site):
    first, all_of_them, overtaken = pages.typesetting(chromium, site, MANY_FORMULAS)
    assert 5 <= first < all_of_them
    assert not overtaken


ROOMS = """() => {
  const ruler = document.querySelector("article p").appendChild(new Image());
  ruler.style.cssText = "width: 1ex; height: 1px";
  const ex = ruler.getBoundingClientRect().width;
  return [...document.querySelectorAll("span.math[style]")].map((formula) => [
    ex * parseFloat(formula.style.getPropertyValue("--room")),
    formula.querySelector("mjx-container").getBoundingClientRect().width,
    formula.textContent,
  ]);
}"""


def test_formulas_have_their_room_before_they_are_typeset(chromium, site):
    with pages.window(chromium, site) as seen:
        seen.page.goto(site + CHAPTER)
        seen.page.wait_for_function(pages.FORMULAS)
        seen.page.evaluate(pages.SETTLED, pages.CHANGED)
        rooms = seen.page.evaluate(ROOMS)
    assert len(rooms) >= 20
    off = {text: kept - taken for kept, taken, text in rooms}
    assert statistics.median(map(abs, off.values())) < 3
    assert max(map(abs, off.values())) < 12, max(off, key=lambda text: abs(off[text]))
