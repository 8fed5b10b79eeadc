"""The corpus, letter by letter: cleaned as the study notes do, numbered, cut.

N batch   L sequence length
"""

import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import torch

from lstm.data.files import DataError, DataNotFoundError, Source, find

TIME_MACHINE = Source(
    name="timemachine.txt",
    urls=("https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",),
    download="sha1:090b5e7e70c295757f55df93cb0a180b9691891a",
    sha256="8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
)
EMBEDDED = Path(__file__).with_name("embedded.txt")
CORPORA = ("time-machine", "embedded")
PIECE = 16  # letters of a piece that counts as recited; of 12 a book has many twice


def find_text(name=None):
    """Return the path of a corpus.

    name: 'time-machine' (H. G. Wells, 1895), 'embedded' (ships with the package); with
    none, the Time Machine if it can be had, else the embedded text, and a line that
    says so
    Raises ValueError for an unknown name; DataNotFoundError if a corpus asked
    for by name cannot be had.
    """
    if name is None:
        return _default(os.environ.get("LSTM_DATA"))
    if name not in CORPORA:
        known = ", ".join(CORPORA)
        raise ValueError(f"unknown corpus {name!r}: expected one of {known}")
    return EMBEDDED if name == "embedded" else find(TIME_MACHINE)


@cache  # once for each setting: a dead network is not asked again and again
def _default(folder):
    try:
        return find(TIME_MACHINE)
    except DataNotFoundError as error:
        reason = str(error).splitlines()[0]
        print(f"The Time Machine: {reason} Using the embedded short story instead.")
        return EMBEDDED


def clean(line):
    """A line in small letters; between words one space, at the ends none."""
    return re.sub("[^A-Za-z]+", " ", line).strip().lower()


def load_text(name=None):
    """Return the corpus as one string over 27 symbols: a to z, and the space.

    Names and errors are those of `find_text`.
    """
    lines = map(clean, find_text(name).read_text(encoding="ascii").splitlines())
    return " ".join(line for line in lines if line)


def read_text(path):
    """Return a text file of anybody's as one string, as it stands, in UTF-8.

    Raises DataError if it cannot be read, is empty, or is not text.
    """
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a text in UTF-8: byte {error.object[error.start]:#04x} at "
            f"position {error.start}"
        ) from error
    if "\0" in text:
        raise DataError(f"{path} is not a text: it holds zero bytes")
    if not text.strip():
        raise DataError(f"{path} is empty: there is nothing to read in it")
    return text


class Vocab:
    """Symbols to numbers and back: 0 is '<unk>', then by falling frequency."""

    def __init__(self, text):
        counts = Counter(text)
        self._number(sorted(counts, key=lambda s: (-counts[s], s)))

    @classmethod
    def of(cls, symbols):
        """The vocabulary with these symbols, in this order, behind '<unk>'."""
        vocab = cls("")
        vocab._number(symbols)
        return vocab

    def _number(self, symbols):
        self.symbols = ["<unk>", *symbols]
        self._index = {symbol: n for n, symbol in enumerate(self.symbols)}

    def __len__(self):
        return len(self.symbols)

    def encode(self, text, unknown=False):
        """Return the indices of a text, a tensor (L).

        unknown: whether a symbol outside the vocabulary becomes 0; else it raises
        ValueError
        """
        if unknown:
            found = [self._index.get(symbol, 0) for symbol in text]
            return torch.tensor(found, dtype=torch.long)
        for position, symbol in enumerate(text):
            if symbol not in self._index:
                known = "".join(sorted(self.symbols[1:]))
                raise ValueError(
                    f"{symbol!r} at position {position} of {text[:40]!r} is not in the "
                    f"vocabulary, which holds {known!r}"
                )
        return torch.tensor([self._index[symbol] for symbol in text], dtype=torch.long)

    def decode(self, indices):
        """Return the text of a sequence of indices."""
        return "".join(self.symbols[n] for n in indices)


def windows(indices, length):
    """Cut a sequence into windows and, beside each, the same shifted by one.

    indices: (M)   ->   inputs, targets: (N, L) each, N = (M - 1) // L
    A last, shorter window is dropped. Raises ValueError if not one window fits.
    """
    if length < 1:
        raise ValueError(f"a window must hold at least 1 symbol, got {length}")
    count = (len(indices) - 1) // length
    if count < 1:
        raise ValueError(
            f"a text of {len(indices)} symbols is too short for one window of {length} "
            "and its targets"
        )
    size, used = (count, length), count * length
    return indices[:used].reshape(size), indices[1 : used + 1].reshape(size)


def mask(sequences, rate, generator=None, ignore=-100):
    """Hide symbols at random; what is hidden becomes the target.

    sequences: (N, L)   ->   inputs: (N, L), hidden symbols replaced by 0 ('<unk>');
    targets: (N, L), `ignore` wherever nothing was hidden
    """
    hidden = torch.rand(sequences.shape, generator=generator) < rate
    hidden = hidden.to(sequences.device)
    return sequences.masked_fill(hidden, 0), sequences.masked_fill(~hidden, ignore)


def recited(text, source, length=PIECE):
    """Which letters lie in a piece of `length` that stands word for word in `source`.

    Raises ValueError for a length below 1.
    """
    if length < 1:
        raise ValueError(f"a piece must hold at least 1 symbol, got {length}")
    marks = [False] * len(text)
    for start in range(len(text) - length + 1):
        if text[start : start + length] in source:
            marks[start : start + length] = [True] * length
    return marks
