"""Measurements too long for a chapter, a module each; see `lstm.studies.running`."""

from lstm.studies.running import NAMES, about, load, run, select, study

__all__ = ["NAMES", "about", "load", "run", "select", "study"]
