"""Tasks of memory: what is asked follows from what was read; chance is chance."""

import pytest
import torch

from lstm.data import Adding, Copy, Parity, Recall

TASKS = Recall(length=7), Copy(count=3, delay=4), Adding(length=9), Parity(length=5)
each = pytest.mark.parametrize("task", TASKS, ids=lambda t: type(t).__name__)


@each
def test_inputs_have_the_shape_that_the_task_says(task):
    inputs, targets = task.batch(4)
    assert inputs.shape == (4, task.length, task.input_size)
    assert inputs.dtype == torch.float32
    assert len(targets) == 4


@each
def test_one_seed_gives_one_series_of_batches_and_they_go_on(task):
    first, again = task.batches(3, seed=5), task.batches(3, seed=5)
    for _ in range(2):
        (x, y), (same_x, same_y) = next(first), next(again)
        assert torch.equal(x, same_x)
        assert torch.equal(y, same_y)
    assert not torch.equal(next(task.batches(3, seed=6))[0], x)


def test_a_key_stands_first_and_only_there():
    inputs, key = Recall(length=12, keys=3, distractors=2).batch(200)
    symbols = inputs.argmax(-1)
    assert torch.equal(symbols[:, 0], key)
    assert key.max() == 2
    assert symbols[:, 1:].min() == 3
    assert symbols[:, 1:].max() == 4
    assert (inputs.sum(-1) == 1).all()


def test_what_is_copied_is_what_stood_first_and_nothing_else_is_asked():
    task = Copy(count=3, delay=4, kinds=5)
    inputs, targets = task.batch(50)
    symbols = inputs.argmax(-1)
    assert torch.equal(targets[:, -3:], symbols[:, :3])
    assert (targets[:, :-3] == -100).all()
    assert (symbols[:, 3:7] == 5).all()  # blanks
    assert (symbols[:, 7] == 6).all()  # now
    assert (symbols[:, 8:] == 5).all()
    assert symbols[:, :3].max() == 4


def test_the_sum_is_of_the_two_marked_numbers_one_in_each_half():
    inputs, total = Adding(length=9).batch(50)
    numbers, marks = inputs.unbind(-1)
    assert (marks[:, :4].sum(1) == 1).all()
    assert (marks[:, 4:].sum(1) == 1).all()
    torch.testing.assert_close((numbers * marks).sum(1, keepdim=True), total)


def test_parity_says_after_every_bit_whether_the_count_is_odd():
    inputs, odd = Parity(length=6).batch(50)
    bits = inputs[..., 0].long()
    assert torch.equal(odd[:, 0], bits[:, 0])
    assert torch.equal(odd[:, 1:], odd[:, :-1] ^ bits[:, 1:])


def test_chance_is_what_the_best_guess_without_memory_scores():
    generator = torch.Generator().manual_seed(0)
    keys = Recall(keys=4).batch(20_000, generator)[1]
    symbols = Copy(count=5, delay=0).batch(20_000, generator)[1][:, -5:]
    odd = Parity(length=3).batch(20_000, generator)[1]
    total = Adding().batch(20_000, generator)[1]
    for asked, task in ((keys, Recall()), (symbols, Copy()), (odd, Parity())):
        shares = torch.bincount(asked.flatten()) / asked.numel()
        assert shares.max() == pytest.approx(task.chance, abs=0.01)
    assert total.var().item() == pytest.approx(Adding.chance, abs=0.005)


@pytest.mark.parametrize(
    ("task", "arguments", "said"),
    [
        (Recall, {"length": 1}, "length must be at least 2, got 1"),
        (Recall, {"keys": 1}, "keys must be at least 2, got 1"),
        (Recall, {"distractors": 0}, "distractors must be at least 1, got 0"),
        (Copy, {"kinds": 1}, "kinds must be at least 2, got 1"),
        (Copy, {"count": 0}, "count must be at least 1, got 0"),
        (Copy, {"delay": -1}, "delay must be at least 0, got -1"),
        (Adding, {"length": 1}, "length must be at least 2, got 1"),
        (Parity, {"length": 0}, "length must be at least 1, got 0"),
    ],
)
def test_a_size_that_makes_no_task_is_named(task, arguments, said):
    with pytest.raises(ValueError, match=said):
        task(**arguments)
