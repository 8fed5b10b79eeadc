"""What a reader does with the interactive figures: by mouse, touch and keyboard."""

import re

import pytest

import checks
import pages

THEORY, SHAPES = "chapters/01_theory.html", "chapters/05_shapes.html"


@pytest.fixture(params=["served", "from files"])
def base(request):
    """The book as a site, and as a folder of files, opened without a network."""
    if request.param == "served":
        return request.getfixturevalue("site")
    return pages.HTML.as_uri() + "/"


def figure(page, address, name):
    """An interactive figure, started."""
    page.goto(address)
    place = page.locator(f'.interactive[data-figure="{name}"]')
    place.scroll_into_view_if_needed()
    page.locator(f'.interactive[data-figure="{name}"][data-ready]').wait_for()
    place.scroll_into_view_if_needed()
    return place


def said(place):
    return place.locator(".said").inner_text()


def test_the_cell_starts_with_the_pencils_numbers_and_answers(chromium, base):
    with pages.window(chromium, base) as seen:
        step = figure(seen.page, base + THEORY, "step")
        assert "C = 1.531 and H = 0.245" in said(step)
        step.get_by_role("button", name="F", exact=True).click()
        assert said(step).endswith("σ(2.00) = 0.881")
        parts = "faded => faded.map((node) => node.dataset.part)"
        faded = step.locator("svg .faded").evaluate_all(parts)
        assert "o" in faded
        assert "f" not in faded
        step.get_by_role("slider", name="input X").focus()
        seen.page.keyboard.press("ArrowRight")
        assert said(step).startswith("F = σ(1.0 · 1.05")
        step.get_by_role("button", name="pencil").click()
        assert "C = 1.531 and H = 0.245" in said(step)
        assert not checks.messages({"said": seen.said})


def test_a_weight_is_reached_by_keyboard_alone(chromium, site):
    with pages.window(chromium, site) as seen:
        step = figure(seen.page, site + THEORY, "step")
        step.locator("summary").focus()
        seen.page.keyboard.press("Enter")
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("ArrowRight")
        step.get_by_role("button", name="I", exact=True).click()
        assert said(step).startswith("I = σ(1.1 · 1.00")


def test_a_wave_is_drawn_by_mouse_and_a_gate_forced(chromium, base):
    with pages.window(chromium, base) as seen:
        gates = figure(seen.page, base + THEORY, "gates")
        before = said(gates)
        box = gates.locator("svg").bounding_box()
        mouse, middle = seen.page.mouse, box["y"] + box["height"] * 0.3
        mouse.move(box["x"] + box["width"] * 0.2, middle)
        mouse.down()
        mouse.move(box["x"] + box["width"] * 0.95, middle, steps=5)
        mouse.up()
        assert said(gates) != before
        group = gates.get_by_role("group", name="gate O")
        group.get_by_role("button", name="0").click()
        assert said(gates).startswith("After 40 steps")
        assert "H = 0.00" in said(gates)
        gates.get_by_role("button", name="the wave").click()
        group.get_by_role("button", name="works").click()
        assert said(gates) == before


def test_a_wave_is_changed_by_keyboard(chromium, site):
    with pages.window(chromium, site) as seen:
        gates = figure(seen.page, site + THEORY, "gates")
        gates.locator("svg").focus()
        for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
            seen.page.keyboard.press(key)
        assert said(gates).startswith("Step 2: X = 0.89.")


def test_fingers_move_a_slider_draw_and_press(chromium, site):
    with pages.window(chromium, site, (390, 800), has_touch=True) as seen:
        step = figure(seen.page, site + THEORY, "step")
        step.get_by_role("button", name="H", exact=True).tap()
        assert said(step).startswith("H = O")
        slider = step.get_by_role("slider", name="input X")
        box = slider.bounding_box()
        touched = box["x"] + 5, box["y"] + box["height"] / 2
        seen.page.touchscreen.tap(*touched)
        assert float(slider.input_value()) < -1
        gates = figure(seen.page, site + THEORY, "gates")
        before, box = said(gates), gates.locator("svg").bounding_box()
        seen.page.touchscreen.tap(box["x"] + box["width"] * 0.98, box["y"] + 10)
        assert said(gates) != before


def test_shapes_follow_the_arguments(chromium, base):
    with pages.window(chromium, base) as seen:
        shapes = figure(seen.page, base + SHAPES, "shapes")
        rows = shapes.locator("tbody tr")
        last = rows.filter(has_text="h_n").first
        assert last.locator("td").nth(1).inner_text() == "(4, 32, 256)"
        shapes.get_by_label("bidirectional").click()
        assert last.locator("td").nth(1).inner_text() == "(2, 32, 256)"
        assert "bidirectional" not in shapes.locator(".call").inner_text()
        shapes.get_by_label("hidden_size").fill("")
        assert said(shapes).startswith("hidden_size should be")
        assert not shapes.locator("table").is_visible()
        shapes.get_by_label("hidden_size").fill("3")
        shapes.get_by_role("button", name="GRU").click()
        assert not rows.filter(has_text="c_n").count()
        assert re.fullmatch(r"[\d,]+ parameters\.", said(shapes))


def test_roads_lead_as_far_as_they_are_asked(chromium, base):
    with pages.window(chromium, base) as seen:
        roads = figure(seen.page, base + "chapters/07_gradients.html", "roads")
        assert said(roads).startswith("From 100 steps back: all roads 0.366")
        roads.get_by_role("slider", name="distance d").focus()
        seen.page.keyboard.press("ArrowRight")
        assert said(roads).startswith("From 101 steps back")
        measured = roads.locator("path.measured-whole")
        assert not measured.get_attribute("d")
        roads.get_by_role("button", name="bias 2").click()
        assert measured.get_attribute("d").count("L") == 13
        assert not checks.messages({"said": seen.said})


def test_without_scripts_no_empty_box_is_shown(chromium, site):
    with pages.window(chromium, site, java_script_enabled=False) as seen:
        seen.page.goto(site + THEORY)
        place = seen.page.locator('.interactive[data-figure="step"]')
        assert place.count() == 1
        assert not place.is_visible()


def test_a_page_without_figures_loads_none_of_their_scripts(chromium, site):
    with pages.window(chromium, site) as seen:
        asked = []
        seen.page.on("request", lambda request: asked.append(request.url))
        seen.page.goto(site + "chapters/02_scratch.html")
        assert not [url for url in asked if "/interactive/" in url]
