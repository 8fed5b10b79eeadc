"""Settings for all tests: no progress bars, repeatable draws."""

import hypothesis
import matplotlib
import pytest
import requests
import torch

matplotlib.use("Agg")
# the same examples in every run; `--hypothesis-profile=explore` draws new ones, and more
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile(
    "first",  # stop at the first failure, without a search for the smallest
    derandomize=True,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    torch.manual_seed(0)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No LSTM_DATA, an empty cache, and a network that answers nobody. Returns the cache folder."""
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
