"""What a reader does: copy, change the theme, go by keyboard, print."""

import re

import pytest

import pages

CHAPTER = "chapters/01_theory.html"
UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true })"
GROUND = "getComputedStyle(document.body).backgroundColor"
THEME = "document.documentElement.dataset.theme"
MODE_AND_THEME = "({ mode, theme } = document.documentElement.dataset, [mode, theme])"


def test_copy_buttons_copy_the_code_of_their_cell(chromium, site):
    allowed = ["clipboard-read", "clipboard-write"]
    with pages.window(chromium, site, permissions=allowed) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        page.evaluate(UNFOLD)
        cells = page.locator("div.cell_input div.highlight").all()
        assert len(cells) >= 10
        for cell in cells:
            cell.locator("button.copybtn").click()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied.strip() == cell.locator("pre").inner_text().strip()


def test_the_switch_goes_through_the_themes_and_the_choice_is_kept(chromium, site):
    auto, dark, light = ["auto", "light"], ["dark", "dark"], ["light", "light"]
    with pages.window(chromium, site) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        switch = page.get_by_role("button", name="Color mode")
        met, grounds = [page.evaluate(MODE_AND_THEME)], []
        for _ in range(3):
            switch.click()
            met.append(page.evaluate(MODE_AND_THEME))
            grounds.append(page.evaluate(GROUND))
        assert met == [auto, dark, light, auto]
        assert len(set(grounds)) == 2, grounds
        switch.click()
        page.reload()
        assert page.evaluate(MODE_AND_THEME) == dark


NOTE_FIRST_THEME = """new MutationObserver(() => {
  window.first ??= document.body && document.documentElement.dataset.theme;
}).observe(document, { childList: true, subtree: true })"""


def test_the_theme_is_settled_before_there_is_anything_to_paint(chromium, site):
    with pages.window(chromium, site, theme="dark") as seen:
        seen.page.add_init_script(NOTE_FIRST_THEME)
        seen.page.goto(site + "book/intro.html")
        assert seen.page.evaluate("window.first") == "dark"


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_on_a_phone_a_sidebar_opens_by_its_button_and_closes_in_three_ways(
    chromium, site, side
):
    leads_to = re.compile({"secondary": "#further-reading$"}.get(side, "bibliography"))
    with pages.window(chromium, site, pages.PHONE) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        toggle = page.locator(f".bd-header-article .{side}-toggle")
        dialog = page.locator(f"#pst-{side}-sidebar-modal")
        by_button = dialog.get_by_role("button", name="Close").click
        by_key = lambda: page.keyboard.press("Escape")
        for close in (by_button, by_key):
            toggle.click()
            assert dialog.get_by_role("link").nth(2).is_visible()
            close()
            assert not dialog.is_visible()
            assert toggle.evaluate("e => e === document.activeElement")
        toggle.click()
        dialog.get_by_role("link").last.click()
        page.wait_for_url(leads_to)
        assert not dialog.is_visible()


# After a key was pressed, focus all that can be reached, one after the other: each must
# look different from before.
FOCUS_ALL = """() => {
  const paint = (e) => {
    document.getAnimations().forEach((animation) => animation.finish());
    const style = getComputedStyle(e);
    const { outline, boxShadow, border, backgroundColor, textDecoration } = style;
    return [outline, boxShadow, border, backgroundColor, textDecoration].join();
  };
  const inside = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const across = right > left && right > 0 && left < innerWidth;
    return across && bottom > 0 && top < innerHeight;
  };
  document.activeElement.blur();
  const stops = "a[href], button, input, summary, [tabindex='0']";
  const all = [...document.querySelectorAll(stops)];
  const reachable = all.filter((e) => e.checkVisibility({ visibilityProperty: true }));
  const unseen = reachable.filter((element) => {
    const before = paint(element);
    element.focus();
    const after = paint(element);
    const focused = document.activeElement === element && inside(element);
    const opaque = getComputedStyle(element).opacity === "1";
    element.blur();
    return !focused || !opaque || after === before;
  });
  const name = (element) => element.outerHTML.slice(0, 120);
  return { stops: reachable.length, unseen: unseen.map(name) };
}"""


@pytest.mark.parametrize("size", [pages.DESKTOP, pages.PHONE], ids=["desktop", "phone"])
def test_by_keyboard_one_sees_where_one_is(chromium, site, size):
    with pages.window(chromium, site, size) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        page.evaluate(pages.SETTLED, pages.RESIZED)
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUS_ALL)
        assert focused["stops"] >= 50
        assert focused["unseen"] == []


def test_by_keyboard_one_comes_to_the_menu(chromium, site):
    with pages.window(chromium, site) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        met = []
        for _ in range(6):
            page.keyboard.press("Tab")
            met.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert met[0] == "Skip to main content"
        assert "The LSTM Book" in met
        assert any(text.startswith("Search") for text in met)
        assert any(text.startswith("2. ") for text in met)


def test_the_first_stop_leads_past_the_menu(chromium, site):
    with pages.window(chromium, site) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**#main-content")
        page.keyboard.press("Tab")
        within = "document.querySelector('main').contains(document.activeElement)"
        assert page.evaluate(within)


BARS = ".bd-sidebar, .bd-header, .bd-header-article, .prev-next-footer, button"
SEEN_BARS = f"""() => {{
  const bars = [...document.querySelectorAll("{BARS}")];
  const isSeen = (bar) => bar.checkVisibility({{ visibilityProperty: true }});
  return [bars.length, bars.filter(isSeen).map((bar) => bar.className)];
}}"""


@pytest.mark.parametrize("name", ["book/intro.html", *pages.CHAPTERS])
def test_paper_is_light_without_bars_and_cuts_nothing(chromium, site, name):
    with pages.window(chromium, site, pages.PAPER, theme="dark") as seen:
        page = seen.page
        page.goto(site + name)
        assert page.evaluate(THEME) == "dark"
        page.emulate_media(media="print")
        page.evaluate(pages.SETTLED, pages.RESIZED)
        assert page.evaluate(THEME) == "light"
        bars, shown = page.evaluate(SEEN_BARS)
        assert bars >= 5
        assert shown == []
        assert page.locator("article p").first.is_visible()
        cut = page.evaluate(f"{pages.FACTS}.view()")["stickingOut"]
        assert cut == {"page": 0, "out": []}
        page.emulate_media(media="screen")
        page.wait_for_function(f"{THEME} === 'dark'")


def test_paper_has_the_pictures_that_were_not_yet_near(chromium, site, tmp_path):
    there = "[...document.images].filter((image) => image.complete).length"
    shown = re.compile(rb"/Subtype ?/Image")
    with pages.window(chromium, site) as seen:
        page = seen.page
        page.goto(site + CHAPTER)
        pictures, come = page.locator("img").count(), page.evaluate(there)
        assert come < pictures
        page.pdf(path=tmp_path / "chapter.pdf")
        assert len(shown.findall((tmp_path / "chapter.pdf").read_bytes())) >= pictures
