"""The study of first weights: its points, its nets, and what chapter 3 says of it."""

import statistics

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import studies
from lstm.d2l import d2l
from lstm.studies import start


@pytest.fixture
def tiny(monkeypatch):
    """The same study, small: four units, two epochs, whatever text there is."""
    monkeypatch.setattr(start, "CORPUS", "embedded")
    monkeypatch.setattr(start, "UNITS", 4)
    monkeypatch.setattr(start, "EPOCHS", 2)
    monkeypatch.setattr(start, "EVERY", 1)


@pytest.mark.parametrize("name", [start.NOTES, start.PYTORCH + start.SECOND])
def test_a_point_returns_perplexities_that_fall_and_that_the_seed_fixes(tiny, name):
    found = start.measure(name, seed=0)
    assert set(found) == {"perplexity"}
    first, second = found["perplexity"]
    assert 29 > first > second > 10
    assert start.measure(name, seed=0) == found
    assert start.measure(name, seed=1) != found


@pytest.mark.parametrize("name", start.STARTS)
def test_a_start_is_as_wide_as_its_name_says(name):
    model = start.make(name, 28, seed=0)
    kinds = {
        "W_x": model.rnn.weight_ih_l0,
        "W_h": model.rnn.weight_hh_l0,
        "W_hq": model.linear.weight,
    }
    plain = name.removesuffix(start.SECOND)
    wider = kinds if plain == start.PYTORCH else start.WIDER[plain]
    for kind, weights in kinds.items():
        expected = start.WIDE if kind in wider else start.NARROW
        assert weights.std().item() == pytest.approx(expected, rel=0.03)
    drawn = plain == start.PYTORCH
    assert (model.rnn.bias_ih_l0.abs().max() > 0) == drawn
    assert model.rnn.bias_hh_l0.requires_grad == name.endswith(start.SECOND)


def test_wide_weights_are_the_same_random_numbers_only_larger():
    narrow = start.make(start.NOTES, 28, seed=3)
    wide = start.make("0.036 everywhere", 28, seed=3)
    scale = start.WIDE / start.NARROW
    for ours, theirs in zip(narrow.parameters(), wide.parameters(), strict=True):
        assert_close(ours * scale, theirs)


def test_merged_biases_leave_the_function_as_it_is():
    torch.manual_seed(0)
    layer, inputs = nn.LSTM(3, 5).double(), torch.randn(7, 2, 3).double()
    before = layer(inputs)[0]
    start.merge_biases(layer)
    assert_close(layer(inputs)[0], before)
    assert not layer.bias_hh_l0.any()


def test_scratch_and_concise_train_alike_from_the_same_weights():
    batches, vocab = d2l.load_data_time_machine(4, 5, max_tokens=200)
    torch.manual_seed(0)
    functions = lstm.get_lstm_params, lstm.init_lstm_state, lstm.scratch_lstm
    scratch = d2l.RNNModelScratch(len(vocab), 6, "cpu", *functions)
    same = start.around(*lstm.to_torch(scratch.params))
    start.merge_biases(same.rnn)
    both = [start.train(net, batches, 3, seed=0) for net in (scratch, same)]
    assert both[0] == pytest.approx(both[1], rel=1e-5)
    assert both[0][0] > both[0][-1]


ROWS = studies.load("start")
EVERYWHERE, LSTM, OUTPUT = (
    f"0.036 {where}" for where in ("everywhere", "in the LSTM", "in the output layer")
)
INPUTS, RECURRENT = (f"0.036 in the {kind} weights" for kind in ("input", "recurrent"))
AS_IT_IS = start.PYTORCH + start.SECOND


def perplexities(name, epoch):
    """Of a start, a perplexity for each seed."""
    rows = studies.select(ROWS, start=name)
    return [row["perplexity"][epoch // start.EVERY - 1] for row in rows]


def closed(name, epoch):
    """The share of the gap between the notes' start and nn.LSTM's, seed by seed."""
    columns = [perplexities(n, epoch) for n in (start.NOTES, name, AS_IT_IS)]
    return [(a - x) / (a - b) for a, x, b in zip(*columns, strict=True)]


def test_the_committed_file_holds_every_point_to_the_last_epoch():
    kept = [{"start": row["start"], "seed": row["seed"]} for row in ROWS]
    assert kept == start.points()
    assert {len(row["perplexity"]) for row in ROWS} == {start.EPOCHS // start.EVERY}


@pytest.mark.parametrize("epoch", [20, 40, 60])
def test_chapter_3_width_everywhere_closes_nearly_all_of_the_gap(epoch):
    shares = closed(EVERYWHERE, epoch)
    assert min(shares) > 0.85
    assert max(shares) < 1.4
    assert abs(statistics.mean(closed(start.PYTORCH, epoch)) - 1) < 0.1


@pytest.mark.parametrize("epoch", [20, 40, 60])
def test_chapter_3_input_weights_and_output_layer_close_about_the_same(epoch):
    inputs, output = (statistics.mean(closed(n, epoch)) for n in (INPUTS, OUTPUT))
    assert min(*closed(INPUTS, epoch), *closed(OUTPUT, epoch)) > 0.45
    assert abs(inputs - output) < 0.15


def test_chapter_3_at_epoch_60_the_shares_add_up_to_more_than_1():
    sums = [a + b for a, b in zip(closed(LSTM, 60), closed(OUTPUT, 60), strict=True)]
    assert min(sums) > 1.2


@pytest.mark.parametrize("name", [RECURRENT, start.NOTES + start.SECOND])
def test_chapter_3_recurrent_weights_and_the_second_bias_close_little(name):
    means = [statistics.mean(closed(name, epoch)) for epoch in (20, 40, 60, 100)]
    assert max(means) < 0.2
    assert abs(means[1]) < 0.05


def test_chapter_3_seeds_differ_by_much_less_than_the_gap():
    for epoch in (20, 40, 60, 100):
        notes, own = (perplexities(n, epoch) for n in (start.NOTES, AS_IT_IS))
        gap = statistics.mean(notes) - statistics.mean(own)
        for name in start.STARTS:
            found = perplexities(name, epoch)
            assert max(found) - min(found) < 0.33 * gap
