"""Minibatches: all of the data, each once, the same again for pass and seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstm.data import Minibatches, RandomWindows, Streams

SIZES = st.integers(1, 9)


def texts(least=2):
    return st.integers(least, 120).map(torch.arange)


def passes(batches, *epochs):
    for epoch in epochs:
        batches.set_epoch(epoch)
        yield [tuple(map(torch.Tensor.tolist, pair)) for pair in batches]


@given(st.integers(1, 40), SIZES, st.none() | st.integers(0, 3))
def test_every_row_comes_once_with_its_own_target(rows, size, seed):
    x, y = torch.arange(rows), 10 * torch.arange(rows)
    batches = Minibatches(x, y, size=size, seed=seed)
    pairs = list(batches)
    assert len(pairs) == len(batches)
    assert {len(a) for a, _ in pairs[:-1]} <= {size}
    inputs = torch.cat([a for a, _ in pairs])
    assert sorted(inputs.tolist()) == list(range(rows))
    assert torch.equal(10 * inputs, torch.cat([b for _, b in pairs]))
    assert (inputs.tolist() == list(range(rows))) or seed is not None


@given(texts(30), SIZES, st.integers(1, 9))
def test_windows_hold_the_text_and_what_follows_each_symbol(text, size, length):
    batches = RandomWindows(text, size, length, seed=1)
    for epoch in range(3):
        batches.set_epoch(epoch)
        pairs = list(batches)
        assert len(pairs) == len(batches)
        symbols = torch.cat([a.flatten() for a, _ in pairs])
        followers = torch.cat([b.flatten() for _, b in pairs])
        assert torch.equal(symbols + 1, followers)
        assert len(set(symbols.tolist())) == len(symbols)  # each once
        assert len(symbols) > len(text) - 2 * length - 1  # and nearly all


@given(texts(40), SIZES, st.integers(1, 9), st.none() | st.integers(0, 3))
def test_streams_go_on_where_the_last_minibatch_ended(text, size, length, seed):
    streams = Streams(text, size, length, seed)
    pairs = list(streams)
    assert len(pairs) == len(streams)
    columns = torch.cat([a for a, _ in pairs], dim=1)
    assert len(columns) == size
    assert torch.equal(columns + 1, torch.cat([b for _, b in pairs], dim=1))
    assert torch.equal(columns[:, 1:], columns[:, :-1] + 1)
    begins = columns[:, 0]
    assert torch.equal(begins[1:], columns[:-1, -1] + 1)  # side by side, nothing twice
    unread = len(text) - 1 - columns.numel()
    assert 0 <= unread < size + (0 if seed is None else length)


MAKERS = {
    "minibatches": lambda seed: Minibatches(torch.arange(60), size=7, seed=seed),
    "windows": lambda seed: RandomWindows(torch.arange(60), 3, 5, seed),
    "streams": lambda seed: Streams(torch.arange(60), 3, 9, seed),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_pass_is_its_number_and_seed_and_nothing_else(make):
    one, two, three = passes(make(4), 0, 1, 2)
    assert one != two != three
    torch.manual_seed(99)
    assert list(passes(make(4), 2, 0)) == [three, one]
    assert next(passes(make(5), 0)) != one


def test_without_a_seed_streams_begin_at_the_first_symbol():
    for one in passes(Streams(torch.arange(30), 2, 5), 0, 7):
        assert one[0][0][0][0] == 0


REFUSED = [
    (lambda: Minibatches(torch.arange(3), size=0), "at least 1 row, got 0"),
    (lambda: Minibatches(torch.arange(3), torch.arange(4), size=2), "got {3, 4}"),
    (lambda: RandomWindows(torch.arange(5), 2, 5), "5 symbols is too short for one"),
    (lambda: RandomWindows(torch.arange(5), 2, 0), "at least 1 symbol, got 0"),
    (lambda: Streams(torch.arange(5), 0, 3), "must be at least 1, got 0 and 3"),
    (lambda: Streams(torch.arange(5), 5, 1), "5 symbols is too short for 5 streams"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_minibatch_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
