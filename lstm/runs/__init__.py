"""Trainings by name: a language model on a text, or a classifier of digits.

A run is a folder. Its settings are plain values that lie beside the checkpoint, so that
it can be gone on with, measured and asked to write, without being told what it is.
"""

from lstm.runs.folder import SETTINGS, going_on, keep, read, saved, trained, writer
from lstm.runs.settings import CELLS, DEFAULTS, LAYERS, Settings
from lstm.runs.tasks import TASKS, Digits, Text

__all__ = [
    "CELLS",
    "DEFAULTS",
    "LAYERS",
    "SETTINGS",
    "TASKS",
    "Digits",
    "Settings",
    "Text",
    "going_on",
    "keep",
    "read",
    "saved",
    "trained",
    "writer",
]
