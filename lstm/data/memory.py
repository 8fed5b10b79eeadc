"""Tasks that need a memory, made on the fly: what was read early is asked for late.

N batch   L sequence length   D input size   C number of classes

Each is a small frozen dataclass. `batch` draws inputs (N, L, D), what a recurrent layer
reads with the batch first, and targets; `chance` is what a guess without memory scores.
Sources: the recall of a key and the adding problem, Hochreiter & Schmidhuber (1997);
copying, in the form of Arjovsky, Shah & Bengio (2016).
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import one_hot


class Task:
    """What the tasks share: batches without end, drawn from one seed."""

    def batches(self, size, seed=0):
        """Yield batches of `size` sequences for ever; one seed gives one series."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield self.batch(size, generator)


def at_least(least, **values):
    """Raise ValueError for a whole number that is smaller, by its name."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


@dataclass(frozen=True)
class Recall(Task):
    """Name the key that stood first, after length - 1 distractors.

    Keys and distractors are different symbols, D = keys + distractors, one-hot.
    Chance is the share of right answers of a guess: 1 / keys.
    """

    length: int = 20
    keys: int = 4
    distractors: int = 4

    def __post_init__(self):
        at_least(2, length=self.length, keys=self.keys)
        at_least(1, distractors=self.distractors)

    @property
    def input_size(self):
        return self.keys + self.distractors

    @property
    def classes(self):
        return self.keys

    @property
    def chance(self):
        return 1 / self.keys

    def batch(self, size, generator=None):
        """inputs: (N, L, D), one-hot; targets: (N), the number of the key"""
        key = torch.randint(self.keys, (size,), generator=generator)
        rest = (size, self.length - 1)
        noise = torch.randint(self.keys, self.input_size, rest, generator=generator)
        symbols = torch.cat([key[:, None], noise], dim=1)
        return one_hot(symbols, self.input_size).float(), key


@dataclass(frozen=True)
class Copy(Task):
    """Repeat `count` symbols in order, after `delay` blanks and a mark that says: now.

    Symbols 0 to kinds - 1, then the blank, then the mark: D = kinds + 2, one-hot, and
    L = 2 * count + delay + 1. Chance is the share of right answers of a guess,
    1 / kinds; only the last `count` steps are asked.
    """

    count: int = 10
    delay: int = 20
    kinds: int = 8

    def __post_init__(self):
        at_least(2, kinds=self.kinds)
        at_least(1, count=self.count)
        at_least(0, delay=self.delay)

    @property
    def input_size(self):
        return self.kinds + 2

    @property
    def classes(self):
        return self.kinds

    @property
    def chance(self):
        return 1 / self.kinds

    @property
    def length(self):
        return 2 * self.count + self.delay + 1

    def batch(self, size, generator=None):
        """inputs: (N, L, D), one-hot; targets: (N, L), -100 where nothing is asked"""
        symbols = torch.randint(self.kinds, (size, self.count), generator=generator)
        inputs = torch.full((size, self.length), self.kinds)
        inputs[:, : self.count] = symbols
        inputs[:, self.count + self.delay] = self.kinds + 1
        targets = torch.full((size, self.length), -100)
        targets[:, -self.count :] = symbols
        return one_hot(inputs, self.input_size).float(), targets


@dataclass(frozen=True)
class Adding(Task):
    """Add two of many numbers: those that a second input marks with a 1.

    Numbers are uniform in (0, 1); one mark lies in each half; D = 2. Chance is a mean
    squared error: always to answer 1, the mean of a sum, costs its variance, 1 / 6.
    """

    length: int = 50

    def __post_init__(self):
        at_least(2, length=self.length)

    input_size = 2
    classes = 1
    chance = 1 / 6

    def batch(self, size, generator=None):
        """inputs: (N, L, 2), numbers and marks; targets: (N, 1), the sum"""
        numbers = torch.rand(size, self.length, generator=generator)
        half, marks = self.length // 2, torch.zeros(size, self.length)
        rows = torch.arange(size)
        marks[rows, torch.randint(half, (size,), generator=generator)] = 1
        marks[rows, torch.randint(half, self.length, (size,), generator=generator)] = 1
        inputs = torch.stack([numbers, marks], dim=-1)
        return inputs, (numbers * marks).sum(1, keepdim=True)


@dataclass(frozen=True)
class Parity(Task):
    """Say after every bit whether the number of ones so far is odd.

    Bits are fair; D = 1. Chance is the share of right answers of a guess: 1 / 2. What
    is asked has no shortcut: one bit forgotten, and the answer is a guess.
    """

    length: int = 20

    def __post_init__(self):
        at_least(1, length=self.length)

    input_size = 1
    classes = 2
    chance = 1 / 2

    def batch(self, size, generator=None):
        """inputs: (N, L, 1), 0 or 1; targets: (N, L), 1 where the count is odd"""
        bits = torch.randint(2, (size, self.length), generator=generator)
        return bits[..., None].float(), bits.cumsum(1) % 2
