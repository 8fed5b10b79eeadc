"""Every page of the built book, in a browser: light and dark, wide and on a phone."""

import checks
import pages
import pytest


@pytest.fixture(scope="module", params=pages.names() or ["no pages"])
def page(request, read):
    return read(request.param)


def none_of(complaints):
    """The list of complaints is empty; if not, it is what pytest shows."""
    listed = "\n".join(complaints)
    assert not listed, f"\n{listed}"


def test_a_page_asks_only_its_own_host_and_gets_all_that_it_asks_for(page):
    none_of(checks.requests(page))


def test_a_page_reports_no_error_and_no_warning(page):
    none_of(checks.messages(page))


def test_every_link_within_the_book_leads_to_its_place(page, read):
    none_of(checks.links(page, read, pages.HTML))


def test_every_image_is_there(page):
    none_of(checks.images(page))


def test_every_image_is_described_in_words(page):
    none_of(checks.descriptions(page))


def test_every_formula_is_typeset(page):
    none_of(checks.maths(page))


def test_every_icon_shows_a_sign(page):
    none_of(checks.icons(page))


def test_code_of_the_projects_line_length_is_read_without_scrolling(page):
    none_of(checks.code(page))


def test_there_is_one_title_and_no_level_of_headings_is_left_out(page):
    none_of(checks.headings(page))


def test_nothing_sticks_out_of_the_page(page):
    none_of(checks.width(page))


def test_figures_are_legible_in_both_themes(page):
    none_of(checks.figures(page))


def test_no_serious_barrier_stands_in_a_readers_way(page):
    none_of(checks.barriers(page))


def test_a_page_is_light(page):
    none_of(checks.weight(page))


def test_the_pages_with_formulas_and_figures_are_known_as_such(read):
    """The checks above would be content with a page on which they find nothing."""
    for name in pages.names():
        if name.startswith("chapters/"):
            page = read(name)
            assert page["maths"]["typeset"] >= 5
            assert len(page["links"]) >= 30
            assert len(page["headings"]) >= 8
    assert sum(len(read(name)["images"]) for name in pages.names()) >= 30


def test_the_front_door_leads_to_the_first_page(chromium, site):
    with pages.window(chromium, site) as seen:
        seen.page.goto(site)
        seen.page.wait_for_url("**/book/intro.html")
        assert seen.page.locator("article h1").is_visible()
        lost = [url for url, status in seen.requests if status == 404]
        assert not lost


@pytest.mark.parametrize("name", pages.CHAPTERS)
def test_a_chapter_can_be_downloaded_and_where_it_is_published_opened_in_colab(
    read, name
):
    stem = name.removeprefix("chapters/").removesuffix(".html")
    links = read(name)["links"]
    assert any(link.endswith(f"/_sources/chapters/{stem}.ipynb") for link in links)
    launched = [link for link in links if "colab.research.google.com/github" in link]
    for link in launched:
        assert link.endswith(f"/chapters/{stem}.ipynb")
