"""N-grams: counts, both smoothings beside plain recursions, probabilities, errors."""

from collections import Counter
from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from lstm.data import NGrams
from lstm.data.ngrams import discounts

SIZE = 4
SMOOTHINGS = (
    {"smoothing": "votes", "votes": 2.5},
    {"smoothing": "kneser-ney"},
    {"smoothing": "kneser-ney", "discount": 0.3},
)
symbols = st.integers(0, SIZE - 1)
texts = st.lists(symbols, min_size=5, max_size=60)
orders = st.integers(1, 5)
each_smoothing = pytest.mark.parametrize("smoothing", SMOOTHINGS)


def long_text():
    """Of 2,000 symbols, with some pieces frequent and others rare."""
    chances = torch.tensor([0.55, 0.25, 0.15, 0.05])
    return torch.multinomial(chances, 2000, replacement=True)


# plain: a text is a tuple, its pieces are counted in dictionaries


def pieces(text, length):
    return [text[n : n + length] for n in range(len(text) - length + 1)]


def by_votes(text, order, size, votes):
    """p(piece's last symbol | the others), by formula (2.2) of chapter 2."""
    times = {k: Counter(pieces(text, k)) for k in range(1, order + 1)}
    followed = {k: Counter(pieces(text[:-1], k)) for k in range(order)}
    followed[0] = {(): len(text)}

    def p(piece):
        if not piece:
            return 1 / size
        before, k = piece[:-1], len(piece)
        added = votes * p(piece[1:])
        return (times[k][piece] + added) / (followed[k - 1].get(before, 0) + votes)

    return p


def counts_of(text, order):
    """By length: of the longest pieces how many, else after how many different."""
    counts = {order: Counter(pieces(text, order))}
    for k in range(1, order):
        counts[k] = Counter(piece[1:] for piece in set(pieces(text, k + 1)))
    return counts


def by_kneser_ney(text, order, size, paid):
    """p(piece's last symbol | the others); a count r of length k pays paid(k, r)."""
    counts = counts_of(text, order)

    def p(piece):
        if not piece:
            return 1 / size
        k, before = len(piece), piece[:-1]
        after = [counts[k][(*before, c)] for c in range(size)]
        if sum(after) == 0:
            return p(piece[1:])
        kept = max(counts[k][piece] - paid(k, counts[k][piece]), 0)
        shared = sum(paid(k, r) for r in after if r > 0)
        return (kept + shared * p(piece[1:])) / sum(after)

    return p


def logs(p, text, order):
    ends = range(1, len(text) + 1)
    values = [log(p(tuple(text[max(n - order, 0) : n]))) for n in ends]
    return torch.tensor(values, dtype=torch.float64)


# the smoothings


@given(texts, texts, orders, st.sampled_from([0.1, 1, 10]))
def test_votes_are_formula_2_2(text, other, order, votes):
    model = NGrams(torch.tensor(text), order, SIZE, votes=votes)
    p = by_votes(tuple(text), order, SIZE, votes)
    for read in (text, other):
        assert_close(model.logprobs(torch.tensor(read)), logs(p, read, order))


@given(texts, texts, orders, st.sampled_from([0.1, 0.75, 1]))
def test_kneser_ney_with_one_discount_is_the_textbook_s(text, other, order, discount):
    given = {"smoothing": "kneser-ney", "discount": discount}
    model = NGrams(torch.tensor(text), order, SIZE, **given)
    p = by_kneser_ney(tuple(text), order, SIZE, lambda k, r: discount if r else 0)
    for read in (text, other):
        assert_close(model.logprobs(torch.tensor(read)), logs(p, read, order))


def estimated(counts):
    """Chen and Goodman's discounts of counts of 0, 1, 2, 3 and more; or None."""
    n = Counter(min(r, 5) for r in counts.values())
    if not all(n[r] for r in (1, 2, 3, 4)):
        return None
    y = n[1] / (n[1] + 2 * n[2])
    return 0, *(r - (r + 1) * y * n[r + 1] / n[r] for r in (1, 2, 3))


@pytest.mark.parametrize("order", [1, 3, 6])
def test_kneser_ney_estimates_a_discount_for_counts_of_1_of_2_and_of_more(order):
    text, read = (part.tolist() for part in long_text().split([1800, 200]))
    rates = {k: estimated(c) for k, c in counts_of(tuple(text), order).items()}
    assert rates[1] is None
    if order == 6:
        assert 0 < rates[6][1] < rates[6][2] < rates[6][3] < 3
    halves = 0, 0.5, 1, 1.5
    paid = lambda k, r: (rates[k] or halves)[min(r, 3)]
    p = by_kneser_ney(tuple(text), order, SIZE, paid)
    model = NGrams(torch.tensor(text), order, SIZE, smoothing="kneser-ney")
    assert_close(model.logprobs(torch.tensor(read)), logs(p, read, order))


@pytest.mark.parametrize("counts", [[7], [1, 2, 3], [1, 2] + 50 * [3] + [4]])
def test_discounts_that_cannot_be_estimated_are_half_the_count(counts):
    assert discounts(torch.tensor(counts).numpy()).tolist() == [0, 0.5, 1, 1.5]


def test_a_symbol_that_follows_only_one_other_is_not_expected_after_a_new_one():
    text = torch.tensor([1, 2] * 50 + [0, 3, 1, 3, 0, 3, 0])
    new = torch.tensor([4])
    votes, kneser_ney = (
        NGrams(text, 2, 5, name).next(new) for name in ("votes", "kneser-ney")
    )
    assert votes[2] > 3 * votes[3]
    assert kneser_ney[2] < kneser_ney[3]


# probabilities


@each_smoothing
@given(text=texts, order=orders, context=st.lists(symbols, max_size=7))
def test_after_any_context_the_probabilities_add_up_to_1(
    smoothing, text, order, context
):
    model = NGrams(torch.tensor(text), order, SIZE + 2, **smoothing)  # two never occur
    for before in (context, text, [*context, SIZE]):
        following = model.next(torch.tensor(before, dtype=torch.long))
        assert following.min() > 0
        assert following.dtype == torch.float64
        assert abs(following.sum().item() - 1) < 1e-13


@each_smoothing
@given(text=texts, order=orders, read=texts)
def test_next_and_logprobs_say_the_same(smoothing, text, order, read):
    model, read = (
        NGrams(torch.tensor(text), order, SIZE, **smoothing),
        torch.tensor(read),
    )
    after = [model.next(read[:n])[read[n]] for n in range(len(read))]
    assert_close(model.logprobs(read), torch.stack(after).log())


@each_smoothing
def test_a_text_of_equally_frequent_symbols_has_their_number_as_perplexity(smoothing):
    text = torch.arange(SIZE).repeat(25)
    alone = NGrams(text, 1, SIZE, **smoothing)
    assert alone.perplexity(text.flip(0)) == pytest.approx(SIZE, rel=1e-14)
    assert NGrams(text, 2, SIZE, **smoothing).perplexity(text) < 1.5  # one follows


@each_smoothing
def test_perplexity_is_the_geometric_mean_of_1_over_p(smoothing):
    text = long_text()
    model = NGrams(text, 3, SIZE, **smoothing)
    product = model.logprobs(text[:20]).exp().prod().item()
    assert model.perplexity(text[:20]) == pytest.approx(product ** (-1 / 20))


@each_smoothing
def test_a_symbol_depends_on_the_order_minus_1_before_it_and_no_others(smoothing):
    model = NGrams(long_text(), 3, SIZE, **smoothing)
    read = torch.tensor([0, 1, 0, 2])
    two, three = (torch.cat([torch.tensor([3]), read[n:]]) for n in (1, 2))
    got, far, near = (model.logprobs(t)[-1].item() for t in (read, two, three))
    assert got == far
    assert got != near


def test_long_pieces_of_a_large_vocabulary_are_told_apart():
    size, order = 10**6, 20  # 10 ** 120 pieces
    text = torch.randint(3, (200,)) * (size - 1) // 2
    model = NGrams(text, order, size)
    p = by_votes(tuple(text.tolist()), order, size, 10)
    assert_close(model.logprobs(text), logs(p, text.tolist(), order))


# errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": 0}, "order must be at least 1, got 0"),
        ({"size": 0}, "size must be at least 1, got 0"),
        (
            {"order": 7},
            "text of 6 symbols is too short for order 7: expected at least 7",
        ),
        ({"symbols": torch.arange(0)}, "a text of 0 symbols is too short for order 2"),
        ({"size": 3}, "symbols must be from 0 to 2, got 3 at position 4"),
        ({"symbols": torch.arange(2) - 1}, "from 0 to 3, got -1 at position 0"),
        ({"symbols": torch.ones(3, 2).long()}, r"shape \(M\), got \(3, 2\)"),
        ({"smoothing": "none"}, "'none': expected one of votes, kneser-ney"),
        ({"votes": 0}, "votes must be above 0 and finite, got 0"),
        ({"votes": float("nan")}, "votes must be above 0 and finite, got nan"),
        ({"discount": 0.0}, "discount must be above 0 and at most 1, got 0.0"),
        ({"discount": 1.5}, "discount must be above 0 and at most 1, got 1.5"),
    ],
)
def test_a_model_that_cannot_be_counted_is_refused(change, message):
    right = {"symbols": torch.tensor([0, 1, 2, 0, 3, 1]), "order": 2, "size": SIZE}
    NGrams(**right)
    with pytest.raises(ValueError, match=message):
        NGrams(**right | change)


def test_symbols_that_cannot_be_read_are_refused():
    model = NGrams(long_text(), 2, SIZE)
    short = "a text of 0 symbols is too short to be predicted: expected at least 1"
    for read in (model.logprobs, model.perplexity):
        with pytest.raises(ValueError, match=short):
            read(torch.arange(0))
    for read in (model.logprobs, model.perplexity, model.next):
        with pytest.raises(ValueError, match="from 0 to 3, got 4 at position 1"):
            read(torch.tensor([3, 4]))
        with pytest.raises(
            TypeError, match=r"tensor of torch.int64, got torch.float32"
        ):
            read(torch.ones(2))
        with pytest.raises(TypeError, match=r"tensor of torch.int64, got str"):
            read("ab")
