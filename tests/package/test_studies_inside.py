"""The study of what units keep track of: its points, and what chapter 10 says of it."""

import math
import statistics

import pytest
import torch
from torch import nn

from lstm import inside as looking
from lstm import studies
from lstm.models import LanguageModel
from lstm.studies import inside


def tiny(monkeypatch):
    """The same study, small: six units, three updates, the embedded text."""
    monkeypatch.setattr(inside, "UNITS", 6)
    monkeypatch.setattr(inside, "STEPS", 3)
    monkeypatch.setattr(inside, "BATCH", 4)


# the texts


def test_a_text_is_wrapped_and_otherwise_as_it_was():
    letters, wrapped = (
        inside.read(name, "embedded") for name in ("letters", "wrapped")
    )
    assert wrapped.replace("\n", " ") == letters
    assert max(map(len, wrapped.split("\n"))) == inside.COLUMNS
    assert set(wrapped) - set(letters) == {"\n"}


def test_brackets_of_two_kinds_close_as_they_opened_and_never_nest():
    text, opened = inside.bracketed(size=5_000), ""
    for symbol in text:
        if symbol in "([":
            assert opened == ""
            opened = symbol
        elif symbol in ")]":
            assert opened + symbol in ("()", "[]")
            opened = ""
    assert 5_000 <= len(text) < 5_010
    assert text == inside.bracketed(size=5_000) != inside.bracketed(5_000, seed=1)


def test_brackets_open_and_close_at_the_rate():
    """After a space outside one opens, after a space inside it closes: 15 in 100."""
    text = inside.bracketed()
    within = inside.features(text)["in brackets"].tolist()
    for inside_now, marks in ((0, "(["), (1, ")]")):
        after_space = [
            text[n + 1] in marks
            for n in range(len(text) - 1)
            if text[n] == " " and within[n] == inside_now
        ]
        assert statistics.mean(after_space) == pytest.approx(0.15, abs=0.01)


def test_two_kinds_of_brackets_are_one_feature_and_told_apart_by_another():
    found = inside.features("a (b )[c ]")
    assert found["in brackets"].tolist() == [0, 0, 1, 1, 1, 0, 1, 1, 1, 0]
    assert found["which kind"].tolist() == [0, 0, 1, 1, 1, 0, -1, -1, -1, 0]
    assert "in ()" not in found
    assert "which kind" not in inside.features("a b")


# what is measured


@pytest.mark.parametrize("text", inside.FOLLOWED)
def test_a_point_returns_what_it_says_and_a_seed_fixes_it(monkeypatch, text):
    tiny(monkeypatch)
    whole = inside.read(text, "embedded")[:12_000]
    monkeypatch.setattr(inside, "read", lambda *_: whole)
    found = inside.measure(text, seed=0)
    more = {"steered"} if text == "wrapped" else set()
    assert set(found) == {"loss", "features", "costs", "scales", "influence"} | more
    assert inside.FOLLOWED[text][0] in found["features"]
    assert all(len(values) == 9 for values in found["influence"].values())
    assert 1 <= found["costs"]["rank"] <= 6
    assert inside.measure(text, seed=0) == found != inside.measure(text, seed=1)


def test_training_lasts_as_long_as_the_study_says_or_as_is_asked(monkeypatch):
    tiny(monkeypatch)
    symbols = torch.randint(1, 4, (4 * inside.LENGTH + 1,))
    for steps, expected in ((None, 3), (5, 5)):
        model = inside.make(4, seed=0)
        assert len(inside.train(model, symbols, 0, steps).losses) == expected


@pytest.fixture
def small():
    """A fresh model of 4 units on three symbols, a text of 600, and a recording."""
    torch.manual_seed(0)
    model = LanguageModel(nn.LSTM(4, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    symbols = torch.randint(1, 4, (600,))
    return model, symbols, looking.record(model, symbols)


def test_costs_are_those_of_one_held_unit_at_the_marks_and_elsewhere(small):
    model, symbols, recording = small
    rows = inside.passages(symbols, 100)
    assert rows.shape == (6, 100)
    here, elsewhere = inside.costs(model, recording, rows, [2])
    held = looking.at_mean(recording, [3])
    rise = looking.losses(model, rows, held) - looking.losses(model, rows)
    late = torch.arange(1, 100) > inside.WARM
    at_marks = rows[:, 1:] == 2
    torch.testing.assert_close(here[3], rise[at_marks & late].mean())
    torch.testing.assert_close(elsewhere[3], rise[~at_marks & late].mean())


def test_memory_is_when_a_unit_resembles_itself_no_more():
    torch.manual_seed(0)
    slow, states = torch.zeros(1), []
    for noise in torch.randn(40_000):
        slow = 0.9 * slow + noise
        states.append(slow)
    values = torch.cat([torch.stack(states), torch.randn(40_000, 1)], dim=1)
    values = torch.cat([values, torch.ones(40_000, 1)], dim=1)
    found = inside.memory(values, longest=40).tolist()
    assert found[0] == pytest.approx(-1 / math.log(0.9), abs=2)
    assert found[1] == 1
    assert 0 < found[2] <= 40  # a constant has nothing to resemble


def test_a_rank_counts_the_units_that_cost_more():
    here, elsewhere = torch.tensor([0.5, 3, 1, 2]), torch.zeros(4)
    found = inside.ranked(2, here, elsewhere)
    assert (found["here"], found["rank"], found["highest"]) == (1, 3, 3)
    assert inside.ranked(1, here, elsewhere)["next"] == 2


def test_numbers_are_rounded_however_deep_they_lie():
    assert inside.rounded({"a": [1.23456, {"b": 3}]}) == {"a": [1.235, {"b": 3}]}


# what is committed, and what chapter 10 says of it


def rows(text):
    return studies.select(studies.load("inside"), text=text)


def of_followed(text, name):
    """Of each seed, a number of the search for the feature that is followed."""
    feature, _ = inside.FOLLOWED[text]
    return [abs(row["features"][feature][name]) for row in rows(text)]


def test_what_a_search_finds_holds_on_the_other_half():
    for row in studies.load("inside"):
        for found in row["features"].values():
            assert abs(found["searched"] - found["tested"]) < 0.05


def test_two_seeds_of_three_have_a_counter_of_the_line_and_it_is_missed_most():
    one, two, none = rows("wrapped")
    assert min(of_followed("wrapped", "tested")[:2]) > 0.9
    for row in (one, two):
        assert row["costs"]["rank"] == 1
        assert row["costs"]["here"] > 3 > 6 * row["costs"]["next"]
        assert -0.03 < row["costs"]["elsewhere"] < 0
    assert of_followed("wrapped", "tested")[2] < 0.25
    assert none["costs"]["highest"] < 0.5
    assert none["loss"] > 1.65 > 1.59 > max(one["loss"], two["loss"])


def test_a_counter_that_is_turned_decides_on_the_new_line():
    for row in rows("wrapped")[:2]:
        held, free = row["steered"]
        assert held == sorted(held)
        assert held[-1] > 100 * held[0]
        assert all(0.6 < a / b < 1.5 for a, b in zip(held, free, strict=True))
    held, _ = rows("wrapped")[2]["steered"]
    assert max(held) < 1.02 * min(held)


def test_in_brackets_is_found_in_every_seed_and_in_no_untrained_network():
    assert min(of_followed("brackets", "tested")) > 0.7
    assert max(of_followed("brackets", "fresh")) < 0.21
    assert min(of_followed("brackets", "probe")) > 0.99
    assert max(of_followed("brackets", "fresh probe")) < 0.76


def test_the_unit_that_goes_best_with_brackets_ranks_1st_59th_and_2nd():
    assert [row["costs"]["rank"] for row in rows("brackets")] == [1, 59, 2]
    assert rows("brackets")[1]["costs"]["here"] < 0.02
    assert all(row["costs"]["highest"] > 1 for row in rows("brackets"))
    assert all(abs(row["costs"]["elsewhere"]) < 0.005 for row in rows("brackets"))


def test_the_place_in_the_word_is_in_the_untrained_network_nearly_as_well():
    trained, fresh = (of_followed("letters", name) for name in ("tested", "fresh"))
    assert max(trained) < 0.74
    assert min(fresh) > 0.59
    assert min(of_followed("letters", "fresh probe")) > 0.94
    assert max(of_followed("letters", "probe")) < 0.96


def test_the_unit_of_the_place_in_the_word_is_one_among_many():
    costs = [row["costs"] for row in rows("letters")]
    assert all(0.05 < cost["here"] < 0.19 for cost in costs)
    assert sorted(cost["rank"] for cost in costs)[1:] == [14, 15]


def test_an_untrained_probe_reads_the_place_in_the_line_and_training_can_lose_it():
    found = [row["features"]["place in line"] for row in rows("wrapped")]
    assert min(f["fresh probe"] for f in found) > 0.97
    assert min(f["probe"] for f in found[:2]) > 0.97
    assert found[2]["probe"] < 0.7


def test_time_constants_start_at_3_letters_and_are_pulled_apart():
    for row in studies.load("inside"):
        scales = row["scales"]
        assert 2.8 < scales["fresh"][0] < scales["fresh"][1] < 3.7
        assert 1 < scales["median"] < 7
        assert scales["longest"] > 29
        assert scales["r with memory"] > 0.89


def test_gradient_and_replacement_agree_near_by_and_part_where_a_counter_counts():
    near, at_15 = inside.DISTANCES.index(7) + 1, inside.DISTANCES.index(15)
    for row in [*rows("letters"), *rows("wrapped")]:
        gradient, replaced = (row["influence"][n] for n in ("gradient", "replaced"))
        ratios = [
            (g / gradient[0]) / math.sqrt(r / replaced[0])
            for g, r in zip(gradient, replaced, strict=True)
        ]
        assert all(0.5 < ratio < 2 for ratio in ratios[:near])
        counts = row["text"] == "wrapped" and row["seed"] < 2
        assert (ratios[at_15] < 0.6) == counts
