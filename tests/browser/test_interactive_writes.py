"""What a reader does with the network that writes: by mouse, touch and keyboard."""

import contextlib

import pytest
from playwright.sync_api import expect

import checks
import pages

INSIDE, OPENING = "chapters/10_inside.html", "book/intro.html"
AXE = """async () => {
  const figure = '.interactive[data-figure="writes"]';
  return (await axe.run(figure, { preload: false })).violations;
}"""
DATA, LENGTH = "interactive/writes_data.js", 400


@pytest.fixture(params=["served", "from files"])
def base(request):
    """The book as a site, and as a folder of files, opened without a network."""
    if request.param == "served":
        return request.getfixturevalue("site")
    return pages.HTML.as_uri() + "/"


@contextlib.contextmanager
def writer(chromium, base, name=OPENING, **options):
    """A window, and in it the network with the first text that it wrote."""
    with pages.window(chromium, base, **options) as seen:
        seen.page.goto(base + name)
        place = seen.page.locator('.interactive[data-figure="writes"]')
        place.scroll_into_view_if_needed()
        place.locator(".letters").scroll_into_view_if_needed()
        place.locator(".letters span").first.wait_for()
        yield seen, place
        assert not checks.messages({"said": seen.said})


def said(place):
    return place.locator(".said").inner_text()


def text(place):
    return place.locator(".letters").text_content()


def press(place, name):
    place.get_by_role("button", name=name, exact=True).click()


def begin(place, words):
    place.get_by_label("begin with").fill(words)


@pytest.mark.parametrize("name", [INSIDE, OPENING])
def test_weights_are_not_loaded_before_the_text_comes_into_view(chromium, site, name):
    with pages.window(chromium, site) as seen:
        seen.page.goto(site + name)
        seen.page.evaluate(pages.SETTLED, 500)
        assert not [url for url, _ in seen.requests if url.endswith(DATA)]
    with writer(chromium, site, name) as (seen, _):
        assert [url for url, _ in seen.requests if url.endswith(DATA)]


def test_it_writes_the_same_for_a_seed_and_another_text_for_another(chromium, base):
    with writer(chromium, base) as (_, place):
        first = text(place)
        assert f"{LENGTH} letters, drawn at temperature 0.60 with seed 1" in said(place)
        press(place, "Another seed")
        expect(place.locator(".said")).to_contain_text("seed 2")
        assert text(place) != first
        assert len(text(place)) == len(first)


def test_at_temperature_0_it_takes_the_likeliest_and_goes_in_circles(chromium, site):
    with writer(chromium, site) as (seen, place):
        place.get_by_role("slider", name="temperature").focus()
        seen.page.keyboard.press("Home")
        press(place, "Write")
        assert "the likeliest each time" in said(place)
        assert text(place)[-30:] in text(place)[:-30]


def test_a_beginning_is_cleaned_and_says_so(chromium, site):
    with writer(chromium, site) as (seen, place):
        begin(place, "It's 5 o'clock, Weena")
        seen.page.keyboard.press("Enter")
        assert text(place).startswith("it s o clock weena")
        assert "Read as “it s o clock weena”" in said(place)


def test_a_beginning_without_a_letter_is_answered_and_the_text_stays(chromium, site):
    with writer(chromium, site) as (_, place):
        before = text(place)
        for words in ("", "42"):
            begin(place, words)
            press(place, "Write")
            assert said(place).startswith("The beginning is empty")
        assert text(place) == before


def test_a_letter_tells_its_numbers_by_mouse_and_by_keyboard(chromium, base):
    with writer(chromium, base) as (seen, place):
        place.locator(".letters span").nth(4).click()
        heard = place.locator(".heard")
        expect(heard).to_contain_text("Letter 5, t. Unit ")
        assert place.locator(".chosen").text_content() == "t"
        assert place.locator(".tile").count() == 6
        assert place.locator(".chance").count() in (5, 6)
        assert place.locator(".came b").text_content() == text(place)[5]
        place.locator(".letters").focus()
        seen.page.keyboard.press("ArrowRight")
        expect(heard).to_contain_text("Letter 6, i.")
        seen.page.keyboard.press("ArrowDown")
        top = "node => node.offsetTop"
        rows = [
            place.locator(each).first.evaluate(top)
            for each in (".letters span", ".chosen")
        ]
        assert rows[0] < rows[1]
        seen.page.keyboard.press("ArrowUp")
        expect(heard).to_contain_text("Letter 6, i.")
        seen.page.keyboard.press("Home")
        seen.page.keyboard.press("ArrowLeft")
        expect(heard).to_contain_text("Letter 1, t.")
        seen.page.keyboard.press("End")
        expect(heard).to_contain_text(f"Letter {len(text(place))}, ")


def colours(place):
    shown = "spans => spans.map((span) => getComputedStyle(span).backgroundColor)"
    return place.locator(".letters span").evaluate_all(shown)


def test_colours_follow_the_unit_and_what_is_shown(chromium, site):
    with writer(chromium, site) as (_, place):
        cell = colours(place)
        place.get_by_role("button", name="gate f").click()
        gate = colours(place)
        assert place.locator(".letters .negative").count() == 0
        place.get_by_role("spinbutton", name="unit").fill("0")
        assert len({*map(tuple, (cell, gate, colours(place)))}) == 3
        place.get_by_role("spinbutton", name="unit").fill("100000")
        assert "unit 0 " in place.locator(".held").inner_text()
        place.get_by_role("button", name="vowel").click()
        pressed = place.get_by_role("button", name="vowel").get_attribute(
            "aria-pressed"
        )
        assert pressed == "true"


def test_words_of_the_book_are_marked_as_recited(chromium, site):
    with writer(chromium, site) as (_, place):
        begin(place, "qqq for so it will be convenient to speak of him")
        press(place, "Write")
        marked = place.locator(".letters .given.recited").all_text_contents()
        assert "".join(marked).strip() == "for so it will be convenient to speak of him"


def test_letters_come_one_after_another_and_wait_when_they_are_told_to(chromium, site):
    with writer(chromium, site) as (seen, place):
        seen.page.emulate_media(reduced_motion="no-preference")
        begin(place, "weena")
        press(place, "Write")
        some = "document.querySelectorAll('.letters span').length > 12"
        seen.page.wait_for_function(some)
        press(place, "Pause")
        paused = text(place)
        assert 12 < len(paused) < LENGTH
        seen.page.wait_for_timeout(200)
        assert text(place) == paused
        press(place, "Go on")
        more = f"document.querySelectorAll('.letters span').length > {len(paused)}"
        seen.page.wait_for_function(more)
        press(place, "Stop")
        assert text(place).startswith(paused)
        assert not place.get_by_role("button", name="Stop").is_visible()
        assert place.get_by_role("button", name="Write").is_visible()


def test_fingers_press_and_choose(chromium, site):
    with writer(chromium, site, size=(390, 844), has_touch=True) as (_, place):
        place.get_by_role("button", name="Another seed").tap()
        expect(place.locator(".said")).to_contain_text("seed 2")
        place.locator(".letters span").nth(30).tap()
        expect(place.locator(".heard")).to_contain_text("Letter 31, ")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_it_has_no_serious_barrier_and_fits(chromium, site, size, theme):
    with writer(chromium, site, size=size, theme=theme) as (seen, place):
        seen.page.evaluate(pages.axe())
        found = seen.page.evaluate(AXE)
        assert not [r["id"] for r in found if r["impact"] in checks.SEVERE]
        ink = "node => getComputedStyle(node).color"
        assert place.locator(".letters").evaluate(ink) == "rgb(0, 0, 0)"
        wide = "node => node.scrollWidth - node.clientWidth"
        assert place.evaluate(wide) <= 0
