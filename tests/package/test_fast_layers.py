"""lstm.fast: every test of the layers and their errors, run over the fast ones.

Once with the operator in C++, once as on a machine without a compiler.
"""

import pytest
from torch import nn

import lstm
import lstm.fast
import test_layer_errors
import test_layers
from lstm.fast import operator
from test_layer_errors import *  # noqa: F403
from test_layers import *  # noqa: F403


@pytest.fixture(autouse=True, scope="module", params=["operator", "eager"])
def _fast_in_place_of_plain(request):
    fast = {kind: getattr(lstm.fast, kind) for kind in ("LSTM", "GRU")}
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "eager":
            patch.setattr(operator, "load", lambda: None)
        for kind, layer in fast.items():
            patch.setattr(lstm, kind, layer)
            patch.setattr(test_layers, kind, layer)
            patch.setitem(test_layers.LAYERS, kind, (layer, getattr(nn, kind)))
            for name in ("OURS", "LAYERS"):
                if hasattr(test_layer_errors, name):
                    patch.setitem(getattr(test_layer_errors, name), kind, layer)
        yield


def test_what_the_others_compare_are_the_fast_layers(monkeypatch):
    went = []
    plain = lstm.fast.layers.through_time
    monkeypatch.setattr(
        lstm.fast.layers, "through_time", lambda *args: went.append(1) or plain(*args)
    )
    ours, theirs = test_layers.pair("LSTM", 3, 5, num_layers=2, bidirectional=True)
    x = test_layers.randn(7, 2, 3)
    test_layers.assert_close(ours(x)[0], theirs(x)[0])
    assert went == [1] * 4
