"""Settings for all tests: no progress bars, repeatable draws."""

import hypothesis
import matplotlib
import pytest
import requests
import torch

matplotlib.use("Agg")
# the same examples every time; `--hypothesis-profile=explore` draws new ones, and more
register = hypothesis.settings.register_profile
STEADY = {"derandomize": True, "deadline": None, "database": None}
register("steady", **STEADY)
# for tools/faults.py: few, and no search for the smallest that fails
FIRST = hypothesis.Phase.explicit, hypothesis.Phase.generate
register("first", phases=FIRST, max_examples=25, **STEADY)
register("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    torch.manual_seed(0)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No LSTM_DATA, an empty cache, a network that answers nobody; gives the cache."""
    from lstm.data import files, images, text

    monkeypatch.delenv("LSTM_DATA", raising=False)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path)

    def refuse(*args, **kwargs):
        raise requests.exceptions.ConnectionError("no network in this test")

    monkeypatch.setattr("requests.get", refuse)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    for module in (text, images):
        module._default.cache_clear()
    yield tmp_path
    for module in (text, images):
        module._default.cache_clear()
