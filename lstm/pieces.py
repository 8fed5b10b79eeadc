"""Sequences that begin anew in mid-batch, cut into pieces and packed: index arithmetic.

N batch   L sequence length   Q pieces   R rows: all N*L vectors of a batch, in their
own order step by step, or packed: all pieces' first steps, then all their second, ...

A piece is what one sequence holds from a reset, or from its first step, up to the next
reset. It owes nothing to the piece before: so pieces may run side by side, and how many
steps there are to compute one after another is the length of the longest piece.

`run` is for layers that take packed sequences and nothing else, as torch.nn.LSTM does;
ours forget in their own loop.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from lstm import checks


@dataclass(frozen=True)
class Pieces:
    """How the rows of a batch and those of its pieces, packed, lie to one another.

    The longest piece is the first; of pieces as long as one another, the one that is
    first in the batch, sequence by sequence.
    """

    rows: Tensor  # (R): which row of the batch each packed row is
    back: Tensor  # (R): which packed row each row of the batch is
    batch_sizes: list  # how many pieces run at each step
    origin: Tensor  # (Q): whose first state a piece begins with; N: nobody's, zeros
    last: Tensor  # (N): the last piece of each sequence


def run(layer, x, state, reset):
    """Run a layer that knows nothing of resets as if it did: piece by piece, packed.

    layer: one that takes a PackedSequence, as torch.nn.LSTM and torch.nn.GRU do
    x: (L, N, D), or (N, L, D) if layer.batch_first   state: as the layer takes it, or
    None for zeros   reset: bool, with the axes of x but the last; true where a sequence
    begins, with zeros   ->   output, with the axes of x; the last state
    Raises ValueError for an x without batch axis, and what `lstm.LSTM` raises for an x,
    a state or a reset that it refuses: see `lstm.checks`.
    """
    checks.of_type("x", x, (Tensor, PackedSequence), "Tensor")
    checks.layer_reset(layer, x, reset)
    if x.dim() != 3:
        raise ValueError(f"x should have a batch axis, (L, N, D), got {tuple(x.shape)}")
    if not reset.any():
        return layer(x, state)
    checks.layer_pieces(layer, x, state)
    turn = (lambda t: t.transpose(0, 1)) if layer.batch_first else (lambda t: t)
    inputs, begins = turn(x), turn(reset)
    found = cut(begins)
    rows = inputs.flatten(0, 1).index_select(0, found.rows)
    packed = PackedSequence(rows, torch.tensor(found.batch_sizes))
    if state is not None:
        state = as_given(first_states(as_tuple(state), found), state)
    output, last = layer(packed, state)
    output = output.data.index_select(0, found.back).view(*begins.shape, -1)
    return turn(output), as_given(last_states(as_tuple(last), found), last)


def as_tuple(state):
    """The tensors of a state, a pair of an LSTM or one of a GRU."""
    return (state,) if isinstance(state, Tensor) else tuple(state)


def as_given(tensors, state):
    """Tensors in the form of a state: a pair, or one."""
    return tensors[0] if isinstance(state, Tensor) else tensors


def cut(reset):
    """Cut sequences where they begin anew, and pack the pieces.

    reset: (L, N), bool; at least one step and one sequence   ->   Pieces
    """
    L, N = reset.shape
    begins = reset.T.clone()  # (N, L): a sequence lies in one stretch, R in all
    begins[:, 0] = True
    starts = begins.flatten().nonzero()[:, 0]  # (Q)
    piece = begins.flatten().cumsum(0) - 1  # (R): the piece that a row belongs to
    place = torch.arange(N * L, device=reset.device)
    age = place - starts[piece]  # (R): steps since the piece began
    lengths = piece.bincount()
    order = lengths.argsort(descending=True, stable=True)  # (Q)
    rank = inverse(order)
    packed = (age * len(order) + rank[piece]).argsort()  # (R), by age, then by rank
    rows = packed % L * N + packed // L  # from (N, L) to the batch's (L, N)
    starts = starts[order]
    carried = (starts % L == 0) & ~reset.T.flatten()[starts]
    return Pieces(
        rows=rows,
        back=inverse(rows),
        batch_sizes=age.bincount().tolist(),
        origin=torch.where(carried, starts // L, N),
        last=rank[piece[L - 1 :: L]],
    )


def inverse(order):
    """The permutation that undoes one: inverse(order)[order[n]] = n."""
    places = torch.arange(len(order), device=order.device)
    return torch.empty_like(order).scatter_(0, order, places)


def first_states(state, pieces):
    """What each piece begins with: its sequence's first state, or zeros.

    state: a tuple of (K, N, features)   ->   a tuple of (K, Q, features)
    """
    zeros = (s.new_zeros(len(s), 1, s.shape[-1]) for s in state)
    known = (torch.cat(pair, dim=1) for pair in zip(state, zeros, strict=True))
    return tuple(s.index_select(1, pieces.origin) for s in known)


def last_states(state, pieces):
    """What each sequence ends with: the last state of its last piece.

    state: a tuple of (K, Q, features)   ->   a tuple of (K, N, features)
    """
    return tuple(s.index_select(1, pieces.last) for s in state)
