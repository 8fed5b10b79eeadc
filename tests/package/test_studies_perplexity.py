"""The study of perplexity on new pages: its points, and what chapter 9 says of it."""

import math
import statistics

import pytest
import torch

from lstm import studies
from lstm.data import DataNotFoundError, NGrams, Vocab, load_text
from lstm.studies import perplexity


def short():
    """A text of 4,000 letters: two updates a pass."""
    return load_text("embedded")[:4000]


def test_a_text_is_split_into_eight_tenths_and_two_of_one_in_its_order():
    symbols = torch.arange(1000)
    parts = perplexity.split(symbols)
    assert [len(part) for part in parts] == [800, 100, 100]
    assert torch.equal(torch.cat(parts), symbols)


@pytest.mark.parametrize("model", ["two layers", "in order, state carried"])
def test_a_point_returns_perplexities_and_a_seed_fixes_them(model):
    def at(seed):
        found = perplexity.measure(model, 8e-3, seed, text=short(), passes=2)
        found.pop("seconds")
        return found

    found = at(seed=0)
    on_test = {"carried", "reset", "bits"}
    assert set(found) == {"training", "validation", "best", *on_test}
    assert found["best"] in (1, 2)
    assert all(3 < found[name] < 30 for name in ("training", "validation", "reset"))
    assert found["bits"] == pytest.approx(math.log2(found["carried"]), abs=2e-3)
    assert at(seed=0) == found
    assert at(seed=1) != found


@pytest.mark.parametrize("model", perplexity.MODELS)
def test_a_model_has_the_size_and_the_dropout_of_its_name(model):
    network = perplexity.make(model, 28, seed=0)
    units, layers, dropout, *_ = perplexity.MODELS[model]
    assert network.layer.hidden_size == units
    assert network.layer.num_layers == layers
    assert network.layer.dropout == (dropout if layers == 2 else 0)
    assert network.dropout.p == dropout


def test_settings_that_differ_in_order_and_state_begin_with_the_same_weights():
    ways = "random windows", "in order, state reset", "in order, state carried"
    first, *others = (perplexity.make(way, 28, seed=0).state_dict() for way in ways)
    for other in others:
        assert all(torch.equal(other[name], first[name]) for name in first)


# what is committed, and what chapter 9 says of it


def values(model, name, lr=perplexity.RATES[2]):
    """Of all seeds at a rate, by default the one that the chapter's tables show."""
    rows = studies.select(studies.load("perplexity"), model=model, lr=lr)
    return [row[name] for row in rows]


@pytest.mark.parametrize("model", perplexity.MODELS)
def test_a_test_read_on_by_a_carried_state_is_easier_than_one_in_windows(model):
    pairs = zip(values(model, "carried"), values(model, "reset"), strict=True)
    assert all(carried < reset for carried, reset in pairs)


@pytest.mark.parametrize("model", perplexity.MODELS)
def test_the_inner_rates_have_three_seeds_and_the_outer_ones_one(model):
    assert [len(values(model, "best", lr)) for lr in perplexity.RATES] == [1, 3, 3, 1]


@pytest.mark.parametrize("model", perplexity.MODELS)
def test_of_the_rates_with_three_seeds_the_tables_show_the_better(model):
    lower, higher = (values(model, "validation", lr) for lr in perplexity.RATES[1:3])
    assert statistics.mean(higher) < statistics.mean(lower) + 0.01


def test_the_highest_rate_is_better_still_without_dropout_and_not_with_it():
    for model, (*_, dropout, _, _, _) in perplexity.MODELS.items():
        [highest] = values(model, "carried", perplexity.RATES[3])
        first, *_ = values(model, "carried")
        assert (highest < first - 0.02) == (dropout == 0)


@pytest.fixture(scope="module")
def counted():
    """Test perplexities of n-grams by order; the book must be at hand."""
    try:
        text = load_text("time-machine")
    except DataNotFoundError:
        pytest.skip("The Time Machine is not here")
    vocab = Vocab(text)
    training, _, test = perplexity.split(vocab.encode(text))
    tables = {n: NGrams(training, n, len(vocab), "kneser-ney") for n in (4, 5, 6)}
    return {n: table.perplexity(test) for n, table in tables.items()}


@pytest.mark.parametrize("model", perplexity.MODELS)
def test_every_setting_beats_order_4_and_loses_to_order_6(model, counted):
    assert min(values(model, "carried")) > counted[6]
    assert max(values(model, "carried")) < counted[4]


def test_the_best_run_by_validation_lies_between_orders_5_and_6(counted):
    best = min(studies.load("perplexity"), key=lambda row: row["validation"])
    assert (best["model"], best["lr"]) == ("256 units, dropout", 3.2e-2)
    assert counted[6] < best["carried"] < counted[5]


def paired(one, other, name="carried"):
    """The values of two settings, rate by rate and seed by seed."""
    for lr in perplexity.RATES:
        yield from zip(values(one, name, lr), values(other, name, lr), strict=True)


@pytest.mark.parametrize("part", ["validation", "carried"])
@pytest.mark.parametrize("fewer", ["random windows", "weight decay"])
def test_256_units_with_dropout_are_better_than_128_at_every_rate(fewer, part):
    pairs = paired("256 units, dropout", fewer, part)
    assert all(larger < smaller for larger, smaller in pairs)


def test_two_layers_beat_one_except_on_validation_pages_at_the_highest_rate():
    tested = paired("two layers", "random windows")
    assert all(two < one for two, one in tested)
    *lower, highest = paired("two layers", "random windows", "validation")
    assert all(two < one for two, one in lower)
    assert highest[0] > highest[1]


@pytest.mark.parametrize("part", ["validation", "carried"])
def test_two_layers_lead_over_weight_decay_by_less_than_one_per_cent(part):
    def at_its_best_rate(model):
        def on_validation(lr):
            return statistics.mean(values(model, "validation", lr))

        best = min(perplexity.RATES, key=on_validation)
        return statistics.mean(values(model, part, best))

    assert 1 < at_its_best_rate("weight decay") / at_its_best_rate("two layers") < 1.01


def gains_of_decay(part):
    """How much lower than without it, rate by rate and seed by seed."""
    pairs = paired("weight decay", "random windows", part)
    return [plain / decayed - 1 for decayed, plain in pairs]


def test_weight_decay_costs_at_the_lowest_rate_and_gains_on_the_test_at_the_others():
    on_test = gains_of_decay("carried")
    assert [gain > 0 for gain in on_test] == [False] + 7 * [True]
    assert 0.02 < statistics.mean(on_test[4:7]) < 0.025  # at 0.032
    assert 0.025 < on_test[7] < 0.03  # at 0.064


def test_weight_decay_gains_on_the_validation_pages_at_the_two_highest_rates_only():
    lowest, *rest = gains_of_decay("validation")
    assert lowest < 0
    assert statistics.mean(rest[:3]) < 0.001  # at 0.016
    assert all(0.01 < gain < 0.015 for gain in rest[3:])


WAYS = "random windows", "in order, state reset"


def test_a_carried_state_is_best_on_the_training_pages_at_every_rate():
    for way in WAYS:
        pairs = paired("in order, state carried", way, "training")
        assert all(carried < other for carried, other in pairs)


@pytest.mark.parametrize("way", WAYS)
def test_a_carried_state_is_worst_on_the_test_pages_from_the_second_rate_up(way):
    _, *pairs = paired("in order, state carried", way)
    assert all(carried > other for carried, other in pairs)


def test_windows_at_random_or_in_order_is_undecided_between_rates_and_seeds():
    better = [ordered < drawn for drawn, ordered in paired(*WAYS)]
    assert {True, False} == set(better) == set(better[4:7])


def test_networks_trained_with_a_carried_state_lose_most_without_it():
    def loss(model):
        pairs = zip(values(model, "reset"), values(model, "carried"), strict=True)
        return [reset - carried for reset, carried in pairs]

    others = [m for m in perplexity.MODELS if m != "in order, state carried"]
    assert min(loss("in order, state carried")) > max(max(loss(m)) for m in others)
