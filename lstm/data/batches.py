"""Minibatches that come again the same: each pass is drawn from its number and a seed.

So a training that was stopped goes on with the batches that it would have seen. `fit`
tells them the number of the pass by `set_epoch`.

N batch   L sequence length
"""

import torch

from lstm.data.text import windows


class Minibatches:
    """Tensors of equal first axis, `size` rows at a time; shuffled, if there is a seed.

    The last minibatch of a pass may be smaller.
    """

    def __init__(self, *tensors, size, seed=None):
        if size < 1:
            raise ValueError(f"a minibatch must hold at least 1 row, got {size}")
        lengths = {len(tensor) for tensor in tensors}
        if len(lengths) != 1:
            raise ValueError(f"tensors must have as many rows each, got {lengths}")
        self.tensors, self.size, self.seed, self.epoch = tensors, size, seed, 0

    def set_epoch(self, epoch):
        """Begin the pass of this number next."""
        self.epoch = epoch

    def __len__(self):
        return -(-len(self.tensors[0]) // self.size)

    def __iter__(self):
        rows = torch.arange(len(self.tensors[0]))
        if self.seed is not None:
            rows = torch.randperm(len(rows), generator=_draws(self.seed, self.epoch))
        for part in rows.split(self.size):
            yield tuple(tensor[part] for tensor in self.tensors)


class RandomWindows(Minibatches):
    """Windows of a text, each with the same shifted by one, `size` at a time, shuffled.

    A pass begins at a place of its own, so that windows are cut differently in each.
    Yields inputs, targets: (N, L) each. Raises ValueError if not one window fits.
    """

    def __init__(self, symbols, size, length, seed=0):
        super().__init__(*windows(symbols, length), size=size, seed=seed)
        self.symbols, self.length = symbols, length

    def set_epoch(self, epoch):
        """Begin the pass of this number next."""
        super().set_epoch(epoch)
        room = self.length if len(self.symbols) > 2 * self.length else 1
        begin = _draw(room, self.seed, epoch)
        self.tensors = windows(self.symbols[begin:], self.length)


class Streams:
    """A text in `size` columns read side by side: each minibatch goes on from the last.

    For a state that is carried. With a seed, a pass begins at a place of its own, less
    than a window from the first symbol. Yields inputs, targets: (N, L) each; the last
    minibatch of a pass is shorter, so that each column is read to its end. Raises
    ValueError if a column would hold no symbol with a target.
    """

    def __init__(self, symbols, size, length, seed=None):
        if min(size, length) < 1:
            raise ValueError(
                f"streams and their windows must be at least 1, got {size} and {length}"
            )
        if len(symbols) <= size + (0 if seed is None else length):
            raise ValueError(
                f"a text of {len(symbols):,} symbols is too short for {size} streams "
                f"of windows of {length}"
            )
        self.symbols, self.size, self.length = symbols, size, length
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch):
        """Begin the pass of this number next."""
        self.epoch = epoch

    @property
    def _begin(self):
        return 0 if self.seed is None else _draw(self.length, self.seed, self.epoch)

    def __len__(self):
        column = (len(self.symbols) - self._begin - 1) // self.size
        return -(-column // self.length)

    def __iter__(self):
        inputs, targets = windows(
            self.symbols[self._begin :],
            (len(self.symbols) - self._begin - 1) // self.size,
        )
        pairs = zip(
            inputs[: self.size].split(self.length, dim=1),
            targets[: self.size].split(self.length, dim=1),
            strict=True,
        )
        yield from pairs


def _draws(seed, epoch):
    return torch.Generator().manual_seed(1_000_003 * seed + epoch)


def _draw(below, seed, epoch):
    return int(torch.randint(below, (), generator=_draws(seed, epoch)))
