"""Real data, found, verified and shaped: one text, one set of images.

Each has a default that needs no network.
"""

from lstm.data.files import DataError, DataNotFoundError, Source, find
from lstm.data.images import Images, load_images
from lstm.data.text import Vocab, clean, find_text, load_text, mask, windows

__all__ = [
    "DataError",
    "DataNotFoundError",
    "Images",
    "Source",
    "Vocab",
    "clean",
    "find",
    "find_text",
    "load_images",
    "load_text",
    "mask",
    "windows",
]
