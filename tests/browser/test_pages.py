"""Every page of the built book, in a browser: light and dark, wide and on a phone."""

import pytest

import checks
import pages

HOLDS = {
    "asks only its own host and gets what it asks for": checks.requests,
    "reports no error and no warning": checks.messages,
    "has the places to which its links lead": checks.links,
    "has every image": checks.images,
    "loads a picture when it is near, in a place of its size": checks.arrival,
    "does not move while it is read": checks.steadiness,
    "describes every image in words": checks.descriptions,
    "has every formula typeset": checks.maths,
    "has a sign in every icon": checks.icons,
    "shows code and printed text without scrolling sideways": checks.code,
    "has one title and leaves no level of headings out": checks.headings,
    "has nothing that sticks out": checks.width,
    "shows where something wide is cut": checks.cuts,
    "has figures that are legible in both themes": checks.figures,
    "has a stop at every formula that can be scrolled": checks.stops,
    "has no serious barrier": checks.barriers,
    "is light": checks.weight,
    "is light up to its first paragraph": checks.opening,
    "waits for no script but a small one": checks.scripts,
}


@pytest.fixture(scope="module", params=pages.names() or ["no pages"])
def page(request, read):
    return read(request.param)


@pytest.mark.parametrize("fact", HOLDS)
def test_every_page(page, read, fact):
    found = checks.complaints(HOLDS[fact], page, read, pages.HTML)
    assert not found, f"\n{found}"


def test_chapters_have_formulas_links_headings_and_code_for_the_checks_to_find(read):
    for name in pages.CHAPTERS:
        page, solved = read(name), "solutions" in name
        assert page["maths"]["typeset"] >= (3 if solved else 5)
        assert len(page["links"]) >= 30
        assert len(page["headings"]) >= (6 if solved else 8)
        assert len(page["code"]) >= 10
        assert len(page["blocking"]) >= 5


def test_the_book_has_figures_for_the_checks_to_find(read):
    assert sum(len(read(name)["images"]) for name in pages.names()) >= 30


def test_the_front_door_leads_to_the_first_page(chromium, site):
    with pages.window(chromium, site) as seen:
        seen.page.goto(site)
        seen.page.wait_for_url("**/book/intro.html")
        assert seen.page.locator("article h1").is_visible()
        lost = [url for url, status in seen.requests if status == 404]
        assert not lost


@pytest.mark.parametrize("name", pages.CHAPTERS)
def test_a_chapter_links_to_its_own_notebook_and_in_colab_to_no_other(read, name):
    stem = name.removeprefix("chapters/").removesuffix(".html")
    links = read(name)["links"]
    assert any(link.endswith(f"/_sources/chapters/{stem}.ipynb") for link in links)
    launched = [link for link in links if "colab.research.google.com/github" in link]
    assert all(link.endswith(f"/chapters/{stem}.ipynb") for link in launched)
