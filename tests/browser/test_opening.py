"""A page opens: what a reader sees before the rest of it has come.

Nothing is timed: a part of the page is left unanswered, and the others must not wait.
"""

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
