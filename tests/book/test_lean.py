"""What is left out of the theme's stylesheet, and what is not."""

import pytest

import lean

KEYFRAMES = "@keyframes k{0%{a:b}to{c:d}}@font-face{e:f}"
MEDIA = "@media print{.unused{a:b}.used{c:d}}"


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        ("p{a:b}.used{c:d}", "p{a:b}.used{c:d}"),
        (".unused{a:b}#unused{a:b}", ""),
        (".used .unused,.used>p,a.unused{a:b}", ".used>p{a:b}"),
        (".used:not(.unused){a:b}", ".used:not(.unused){a:b}"),
        (".used:is(p,a){a:b}", ".used:is(p,a){a:b}"),
        (MEDIA, "@media print{.used{c:d}}"),
        ("@media print{.unused{a:b}}", ""),
        (KEYFRAMES, KEYFRAMES),
        ('@import "a.css";p{a:b}', '@import "a.css";p{a:b}'),
    ],
)
def test_rules_stay_whose_classes_are_used(css, kept):
    assert lean.trim(css, {"used"}) == kept


def test_spans_of_the_codes_own_colour_are_left_out_and_no_others():
    context = {"body": '<span class="n">x</span><span class="o">=</span>'}
    lean.unwrap(None, "page", "page.html", context, None)
    assert context["body"] == 'x<span class="o">=</span>'
