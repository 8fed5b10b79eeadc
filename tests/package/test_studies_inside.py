"""The study of what units keep track of: its points, and what chapter 10 says of it."""

import math
import statistics

import pytest
import torch
from torch import nn

from lstm import inside as looking
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
