"""Data: one text and one set of images, found, verified and shaped; tasks of memory.

Each has a default that needs no network. And n-grams: what counting a text achieves.
"""

from lstm.data.batches import Minibatches, RandomWindows, Streams
from lstm.data.files import DataError, DataNotFoundError, Source, find
from lstm.data.images import Images, load_images
from lstm.data.memory import Adding, Copy, Parity, Recall
from lstm.data.ngrams import NGrams
from lstm.data.text import (
    Vocab,
    clean,
    find_text,
    load_text,
    mask,
    read_text,
    recited,
    windows,
)

__all__ = [
    "Adding",
    "Copy",
    "DataError",
    "DataNotFoundError",
    "Images",
    "Minibatches",
    "NGrams",
    "Parity",
    "RandomWindows",
    "Recall",
    "Source",
    "Streams",
    "Vocab",
    "clean",
    "find",
    "find_text",
    "load_images",
    "load_text",
    "mask",
    "read_text",
    "recited",
    "windows",
]
