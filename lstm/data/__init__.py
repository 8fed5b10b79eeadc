"""Data: a text, a set of images, series; found, verified and shaped; tasks of memory.

Each has a default that needs no network. And n-grams: what counting a text achieves.
"""

from lstm.data.batches import Minibatches, RandomWindows, Streams
from lstm.data.files import DataError, DataNotFoundError, Source, find
from lstm.data.images import Images, load_images
from lstm.data.memory import Adding, Copy, Parity, Recall
from lstm.data.newyork import load_departures, load_weather
from lstm.data.ngrams import NGrams
from lstm.data.series import Scaler, WindowBatches, Windows, check_series
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
    "Scaler",
    "Source",
    "Streams",
    "Vocab",
    "WindowBatches",
    "Windows",
    "check_series",
    "clean",
    "find",
    "find_text",
    "load_departures",
    "load_images",
    "load_text",
    "load_weather",
    "mask",
    "read_text",
    "recited",
    "windows",
]
