"""A reader searches: served, and from files that were opened without a network."""

import json
import re

import pytest

import checks
import pages

HITS = "#search-results li > a"
LEADS_TO = {  # words that are asked for: the place to be found
    "forget bias": "book/glossary.html#term-forget-bias",
    "the same task with a cell": "chapters/01_theory.html#the-same-task-with-a-cell",
    "pack_padded_sequence": "chapters/05_shapes.html#sequences-of-different-lengths",
    "perplexity": "chapters/02_scratch.html#perplexity",
    "truncated": "chapters/07_gradients.html#truncation-where-the-gradient-is-cut",
    "clip_grad_norm": "chapters/07_gradients.html#clipping",
    "Hochreiter and Schmidhuber": "book/bibliography.html#cite-hochreiter1997",
}


@pytest.fixture(params=["served", "from files"])
def base(request):
    if request.param == "served":
        return request.getfixturevalue("site")
    return pages.HTML.as_uri() + "/"


@pytest.fixture
def results(chromium, base):
    """The search page, and a way to ask it."""
    with pages.window(chromium, base) as seen:
        seen.page.goto(base + "search.html")

        def ask(words):
            seen.page.get_by_role("searchbox").first.fill(words)
            return seen.page.locator(HITS)

        yield ask
        assert not checks.messages({"said": seen.said})


@pytest.fixture(scope="module")
def index():
    """Of each place: its address, page, title, prose and code."""
    text = (pages.HTML / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.PLACES = ").removesuffix(";\n"))


@pytest.mark.parametrize("words", LEADS_TO)
def test_one_of_the_first_two_hits_leads_to_the_very_section(results, base, words):
    found = [a.get_attribute("href") for a in results(words).all()]
    assert LEADS_TO[words] in found[:2]


def test_every_hit_shows_where_its_words_stand_and_no_formula(results):
    hits = results("forget gate").locator("..").all()
    assert len(hits) >= 20
    for hit in hits:
        text = hit.inner_text()
        assert re.search("forget|gate", text, re.IGNORECASE)
        assert not re.search(r"\\[a-z]|\$", text)
    assert hits[1].locator("mark").count() >= 2


@pytest.mark.parametrize("word", ["importlib", "find_spec", "mathbf", "zebra"])
def test_set_up_and_tex_are_found_no_more_than_what_is_not_in_the_book(results, word):
    assert not results(word).all()


def test_by_keyboard_one_searches_from_any_page_and_goes_to_a_hit(chromium, base):
    with pages.window(chromium, base) as seen:
        page = seen.page
        page.goto(base + "chapters/01_theory.html")
        page.keyboard.press("Control+k")
        page.keyboard.type("gradient clipping")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=gradient+clipping")
        page.locator(HITS).first.wait_for()
        address = page.locator(HITS).first.get_attribute("href")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{address}")
        place = page.evaluate("document.getElementById(location.hash.slice(1))?.id")
        assert place == address.partition("#")[2] != ""
        assert not checks.messages({"said": seen.said})


def test_a_page_of_hits_is_read_on_a_phone_without_barriers(chromium, site):
    name, axe = "search.html?q=forget+bias", pages.axe()
    with pages.window(chromium, site, pages.PHONE, theme="dark") as seen:
        seen.page.goto(site + name)
        seen.page.locator(HITS).first.wait_for()
        seen.page.evaluate(axe)
        view = seen.page.evaluate(f"{pages.FACTS}.view()")
        broken = seen.page.evaluate(f"{pages.FACTS}.barriers(true)")
        assert view["stickingOut"] == {"page": 0, "out": []}
        assert not [rule for rule in broken if rule["impact"] in checks.SEVERE]


def test_the_index_holds_every_place_and_each_is_there(index):
    assert len(index) >= 300
    for address, *_ in index:
        name, _, anchor = address.partition("#")
        text = (pages.HTML / name).read_text(encoding="utf-8")
        assert not anchor or f' id="{anchor}"' in text, address


def test_the_index_has_no_tex_and_no_code_of_set_up_cells(index):
    for address, _, title, prose, code in index:
        assert not re.search(r"\\[a-zA-Z]|\$", title + prose), address
        assert "importlib.util" not in code
        assert 'SOURCE = "' not in code
