"""N-grams: language models that count what followed the last symbols of a text.

M length of a text   V size of the vocabulary   P different pieces of one length

A model of order n looks at the n - 1 symbols before each, and backs off to fewer. Both
smoothings are one recursion, which ends in an equal share, 1 / V, for all symbols:

    p(c | context) = gain(context c) + weight(context) * p(c | a symbol less of context)

A piece that never occurred has gain 0, and a context that never did, weight 1.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from lstm.data.memory import at_least

SMOOTHINGS = ("votes", "kneser-ney")
UNSEEN = -1  # as an index: the last entry, which stands for whatever did not occur
TOO_FEW = (0.5, 1.0, 1.5)  # discounts where the counts are too few to estimate them


@dataclass(frozen=True)
class Level:
    """The pieces of one length that occur, and their part in the recursion.

    keys: (P), ascending; a piece's number among those without its last symbol, times V,
    plus that symbol   gains: (P + 1)   weights: (pieces one symbol shorter + 1)
    """

    keys: np.ndarray
    gains: np.ndarray
    weights: np.ndarray

    def find(self, keys):
        """The numbers of the pieces that have these keys, or UNSEEN."""
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, UNSEEN)

    def mix(self, contexts, pieces, shorter):
        """One step of the recursion; `shorter` is what the shorter contexts say."""
        return self.gains[pieces] + self.weights[contexts] * shorter


class NGrams:
    """A model of order `order` counted on symbols: (M), indices below `size`.

    smoothing 'votes': `votes` votes are added to the counts after a context, shared out
    as the shorter context would have it (MacKay & Peto, 1995).

    smoothing 'kneser-ney': each count pays a discount, and what is paid is shared out
    so; shorter pieces count not how often they occur, but after how many different
    symbols (Kneser & Ney, 1995). `discount` is paid by all counts alike; with none,
    counts of 1, 2, and more pay three different ones, which are estimated (Chen &
    Goodman, 1999: interpolated, modified).

    Raises ValueError for an order below 1, a text shorter than the order or of another
    shape, indices outside the vocabulary, another smoothing, votes not above 0, or a
    discount not above 0 or above 1; TypeError for what is no tensor of int64.
    """

    def __init__(
        self, symbols, order, size, smoothing="votes", votes=10, discount=None
    ):
        at_least(1, order=order, size=size)
        if smoothing not in SMOOTHINGS:
            known = ", ".join(SMOOTHINGS)
            raise ValueError(
                f"unknown smoothing {smoothing!r}: expected one of {known}"
            )
        if not 0 < votes < math.inf:
            raise ValueError(f"votes must be above 0 and finite, got {votes}")
        if discount is not None and not 0 < discount <= 1:
            raise ValueError(f"discount must be above 0 and at most 1, got {discount}")
        self.order, self.size = order, size
        self.smoothing, self.votes, self.discount = smoothing, votes, discount
        symbols = checked(symbols, size, order, f"for order {order}")
        self.levels = self._levels(count(symbols, order, size))

    def _levels(self, counted):
        levels, contexts = [], 1  # before a single symbol stands the empty piece
        for length, (keys, times, preceding) in enumerate(counted, start=1):
            owners = keys // self.size
            if self.smoothing == "votes":
                gains, weights = with_votes(times, owners, contexts, self.votes)
            else:
                counts = times if length == self.order else preceding
                rates = discounts(counts, self.discount)
                gains, weights = discounted(counts, owners, contexts, rates)
            levels.append(Level(keys, np.append(gains, 0.0), np.append(weights, 1.0)))
            contexts = len(keys)
        return levels

    def _read(self, symbols):
        """Yield each level with the numbers of the contexts and of the pieces: (M)."""
        pieces = np.zeros(len(symbols) + 1, dtype=np.int64)
        for level in self.levels:
            contexts = pieces[:-1]
            found = level.find(contexts * self.size + symbols)
            yield level, contexts, found
            pieces = np.append(UNSEEN, found)

    def logprobs(self, symbols):
        """Natural logarithms: of each symbol's probability, given those before it.

        symbols: (M)   ->   (M), float64; the first have shorter contexts
        Raises ValueError for no symbols, or indices outside the vocabulary.
        """
        symbols = checked(symbols, self.size, 1, "to be predicted")
        p = 1 / self.size
        for level, contexts, pieces in self._read(symbols):
            p = level.mix(contexts, pieces, p)
        return torch.from_numpy(np.log(p))

    def perplexity(self, symbols):
        """exp of the mean of -logprobs; symbols: (M). Raises as `logprobs` does."""
        return self.logprobs(symbols).neg().mean().exp().item()

    def next(self, context):
        """Return the probability of each symbol after a context, any number of symbols.

        context: (M), 0 too   ->   (V), float64
        Raises ValueError for indices outside the vocabulary.
        """
        symbols = checked(context, self.size, 0, "as a context")
        last = symbols[max(len(symbols) - self.order + 1, 0) :]
        p, everything = 1 / self.size, np.arange(self.size)
        for level, contexts, _ in self._read(np.append(last, 0)):  # 0: any symbol
            pieces = level.find(contexts[-1] * self.size + everything)
            p = level.mix(contexts[-1], pieces, p)
        return torch.from_numpy(p)


def checked(symbols, size, least, purpose):
    """Return indices as a numpy array (M); raise where they are none, or too few."""
    if not isinstance(symbols, torch.Tensor) or symbols.dtype != torch.long:
        got = getattr(symbols, "dtype", type(symbols).__name__)
        raise TypeError(f"symbols must be a tensor of torch.int64, got {got}")
    if symbols.dim() != 1:
        raise ValueError(f"symbols must have shape (M), got {tuple(symbols.shape)}")
    if len(symbols) < least:
        text = f"a text of {len(symbols)} symbols is too short {purpose}"
        raise ValueError(f"{text}: expected at least {least}")
    outside = ((symbols < 0) | (symbols >= size)).nonzero().flatten().tolist()
    if outside:
        got = f"got {symbols[outside[0]].item()} at position {outside[0]}"
        raise ValueError(f"symbols must be from 0 to {size - 1}, {got}")
    return symbols.cpu().numpy()


def count(symbols, order, size):
    """For lengths 1 to `order`: the keys of the pieces that occur, and two counts.

    Each is a list of [keys, how often, after how many different symbols], (P) each;
    the last is None for the longest pieces. A piece is numbered, not spelt out, so that
    keys stay below M * V, however long the pieces.
    """
    pieces, counted = np.zeros(len(symbols) + 1, dtype=np.int64), []
    for shorter in range(order):  # pieces[n] is the number of the one that ends at n
        found = np.unique(
            pieces[shorter:-1] * size + symbols[shorter:],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        keys, first, numbers, times = found
        if counted:  # each different piece once, without its first symbol
            ends = pieces[first + shorter + 1]
            counted[-1][2] = np.bincount(ends, minlength=len(counted[-1][0]))
        counted.append([keys, times, None])
        pieces = np.append(np.full(shorter + 1, UNSEEN), numbers)
    return counted


def with_votes(counts, owners, contexts, votes):
    """Gains (P) and weights (contexts) where votes are added to the counts."""
    totals = np.bincount(owners, counts, contexts) + votes
    return counts / totals[owners], votes / totals


def discounted(counts, owners, contexts, rates):
    """Gains (P) and weights (contexts) where counts of 0, 1, 2, more pay rates: (4)."""
    paid = rates[np.minimum(counts, 3)]
    totals = np.bincount(owners, counts, contexts)
    some = np.maximum(totals, 1)  # a context may end the text, or be counted as 0
    weights = np.bincount(owners, paid, contexts) / some
    return (counts - paid) / some[owners], np.where(totals > 0, weights, 1.0)


def discounts(counts, discount=None):
    """What counts of 0, 1, 2, and more pay: (4); `discount`, or estimated.

    The estimates are those of Chen & Goodman (1999) from n_r, how many counts are r.
    """
    if discount is not None:
        return np.array([0.0, discount, discount, discount])
    _, n1, n2, n3, n4 = np.bincount(counts, minlength=5)[:5].tolist()
    if 0 in (n1, n2, n3, n4):
        return np.array([0.0, *TOO_FEW])
    y = n1 / (n1 + 2 * n2)
    rates = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
    return np.array([0.0, *(rates if min(rates) > 0 else TOO_FEW)])
