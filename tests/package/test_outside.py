"""Models as ONNX files: ONNX Runtime computes the same, or nothing is written."""

import os

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import outside
from lstm.models import ScratchModel
from lstm.outside import graphs, onnx_file

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

D, H, V = 3, 5, 7
LAYERS = [
    lambda: nn.LSTM(D, H),
    lambda: nn.GRU(D, H),
    lambda: nn.RNN(D, H),
    lambda: lstm.LSTM(D, H, num_layers=2, bias=False),
    lambda: lstm.GRU(D, H, bidirectional=True),
    lambda: nn.LSTM(D, H, num_layers=3, bidirectional=True, dropout=0.5),
]
NOTES = {
    "LSTM": (lstm.get_lstm_params, lstm.init_lstm_state, lstm.scratch_lstm),
    "GRU": (lstm.get_gru_params, lstm.init_gru_state, lstm.scratch_gru),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def state_of(layer, batch):
    K = layer.num_layers * (2 if layer.bidirectional else 1)
    h = torch.randn(K, batch, layer.hidden_size)
    return (h, torch.randn_like(h)) if layer.mode == "LSTM" else (h,)


def large(model):
    """Weights large enough for gates that are exchanged to show."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p))
    return model


@pytest.mark.parametrize("make", LAYERS)
def test_a_layers_file_computes_what_the_layer_does_at_every_length_and_batch(
    make, path
):
    layer = large(make()).eval()
    assert outside.export_onnx(layer, path) < 1e-5
    running = outside.session(path)
    for length, batch in ((1, 1), (4, 3)):
        x, state = torch.randn(length, batch, D), state_of(layer, batch)
        output, last = layer(x, state if len(state) == 2 else state[0])
        last = last if isinstance(last, tuple) else (last,)
        got = outside.call(running, x, *state)
        assert_close(got, [output, *last], rtol=1e-5, atol=2e-6)


def test_batches_first_is_not_the_files_order(path):
    layer = nn.LSTM(D, H, batch_first=True)
    outside.export_onnx(layer, path)
    x, state = torch.randn(4, 2, D), state_of(layer, 2)
    got, *_ = outside.call(outside.session(path), x, *state)
    assert_close(got, layer(x.transpose(0, 1), state)[0].transpose(0, 1))


@pytest.mark.parametrize("kind", [nn.LSTM, lstm.LSTM, nn.GRU])
def test_letter_by_letter_the_file_gives_what_the_model_gives_for_the_whole(kind, path):
    model = large(lstm.LanguageModel(kind(V, H, 2), dropout=0.5)).eval()
    outside.export_onnx(model, path)
    running, symbols = outside.session(path), torch.randint(V, (12, 2))
    state = state_of(model.layer, 2)
    hx = state if len(state) == 2 else state[0]
    want, _ = model.step(symbols.T, hx)
    found = []
    for symbol in symbols:
        scores, *state = outside.call(running, symbol[None], *state)
        found.append(scores)
    assert_close(torch.cat(found).transpose(0, 1), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", NOTES)
def test_the_notes_models_go_out_too_with_their_own_reset(cell, path):
    model = large(ScratchModel(V, H, *NOTES[cell]))
    outside.export_onnx(model, path)
    symbols, zero = torch.randint(V, (6, 2)), torch.zeros(1, 2, H)
    state = [zero] * (2 if cell == "LSTM" else 1)
    got, *_ = outside.call(outside.session(path), symbols, *state)
    assert_close(got.transpose(0, 1), model(symbols.T), rtol=1e-5, atol=1e-5)


def test_half_keeps_half_the_bytes_and_computes_with_weights_rounded(path):
    model = large(lstm.LanguageModel(nn.LSTM(V, 64)))
    outside.export_onnx(model, path)
    whole = path.stat().st_size
    outside.export_onnx(model, path, half=True)
    assert 0.5 < path.stat().st_size / whole < 0.53
    symbols = torch.randint(V, (5, 1))
    got, *_ = outside.call(outside.session(path), symbols, *state_of(model.layer, 1))
    assert got.dtype == torch.float32
    types = {t.name: t.data_type for t in onnx.load(path).graph.initializer}
    assert types["linear_16"] == onnx.TensorProto.FLOAT16


def test_the_model_itself_is_not_changed(path):
    model = large(lstm.LanguageModel(nn.LSTM(V, H), dropout=0.5)).double().train()
    before = [p.clone() for p in model.parameters()]
    outside.export_onnx(model, path, half=True)
    assert model.training
    assert_close(list(model.parameters()), before, rtol=0, atol=0)


def test_the_file_is_plain_and_old_enough_for_others(path):
    outside.export_onnx(lstm.LanguageModel(nn.LSTM(V, H)), path)
    read = onnx.load(path)
    assert read.opset_import[0].version == graphs.OPSET <= 17
    assert [i.name for i in read.graph.input] == ["symbols", "h_0", "c_0"]
    assert [o.name for o in read.graph.output] == ["scores", "h_n", "c_n"]
    length, batch = (
        d.dim_param for d in read.graph.input[0].type.tensor_type.shape.dim
    )
    assert (length, batch) == ("L", "N")


def test_the_file_keeps_what_is_said_about_it(path):
    outside.export_onnx(nn.LSTM(D, H), path, about={"symbols": '["a"]'})
    kept = outside.session(path).get_modelmeta().custom_metadata_map
    assert kept == {"symbols": '["a"]'}


# what does not fit


@pytest.mark.parametrize("symbol", range(V))
def test_a_single_symbol_that_is_read_otherwise_is_seen(symbol, path, monkeypatch):
    right = graphs.to_onnx

    def one_column_moved(*given):
        w, *others = right(*given)
        w[..., symbol] += 1
        return [w, *others]

    monkeypatch.setattr(graphs, "to_onnx", one_column_moved)
    with pytest.raises(FloatingPointError, match="away from the model after 9 steps"):
        outside.export_onnx(large(lstm.LanguageModel(nn.LSTM(V, H))), path)


@pytest.mark.parametrize(("size", "batch"), [(2, 2), (28, 4), (576, 64), (1000, 64)])
def test_what_is_compared_holds_every_symbol_or_as_many_as_have_room(
    size, batch, monkeypatch
):
    monkeypatch.setattr(onnx_file, "described", lambda running, n: ["L", "N"])
    steps = onnx_file.drawn(None, size, torch.Generator().manual_seed(0))
    assert steps.shape == (10, batch)
    assert 0 <= steps.min() <= steps.max() < size
    assert len(steps[:9].unique()) == min(size, 576)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"a": 3}, "both str, got 'a': int"),
        ({1: "a"}, "both str, got 1: str"),
        (["a"], "got list"),
    ],
)
def test_what_is_said_about_a_file_must_be_texts(about, said, path):
    with pytest.raises(TypeError, match=rf"about must be \{{name: text\}}.*{said}"):
        outside.export_onnx(nn.LSTM(D, H), path, about=about)
    assert not path.exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc here")
def test_where_no_file_can_be_made_the_error_names_what_was_asked_for(monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: True)  # as it is for root
    with pytest.raises(OSError, match=r"/proc/l\.onnx'$"):
        outside.export_onnx(nn.LSTM(D, H), "/proc/l.onnx")


def test_a_file_that_computes_otherwise_is_never_there(path, monkeypatch):
    path.write_text("the old one")
    right = graphs.to_onnx
    monkeypatch.setattr(
        graphs, "to_onnx", lambda *a: [t.flip(1) for t in right(*a)]
    )  # the gates in another order
    with pytest.raises(FloatingPointError, match=r"away from the model after 9 steps"):
        outside.export_onnx(large(nn.LSTM(D, H)), path)
    assert path.read_text() == "the old one"
    assert os.listdir(path.parent) == [path.name]


def test_the_state_that_comes_out_is_compared_too(path, monkeypatch):
    monkeypatch.setattr(onnx_file, "call", lambda s, *t: swapped(s, *t))

    def swapped(running, *tensors):
        output, h, c = outside.call(running, *tensors)
        return [output, c, h]

    with pytest.raises(FloatingPointError):
        outside.export_onnx(large(nn.LSTM(D, H)), path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"cannot write .*model\.onnx: .* no fold"
    ):
        outside.export_onnx(nn.LSTM(D, H), tmp_path / "nowhere" / "model.onnx")


def test_a_folder_in_the_files_place_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder: name a file in it"):
        outside.export_onnx(nn.LSTM(D, H), tmp_path)


def test_a_file_in_a_folders_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="is no folder"):
        outside.export_onnx(nn.LSTM(D, H), tmp_path / "file" / "model.onnx")


def test_a_folder_that_may_not_be_written_to_is_named(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(PermissionError, match="may not be written to"):
        outside.export_onnx(nn.LSTM(D, H), path)


def test_a_projection_is_refused_with_a_way_out(path):
    with pytest.raises(
        ValueError, match=r"no projection, got proj_size=2: let torch\."
    ):
        outside.export_onnx(nn.LSTM(D, H, proj_size=2), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [(nn.Linear(2, 2), "got Linear"), (nn.RNN(2, 2, nonlinearity="relu"), "RNN_RELU")],
)
def test_another_kind_of_model_is_named(model, said, path):
    with pytest.raises(
        TypeError, match=rf"expected an LSTM, GRU or RNN of tanh.*{said}"
    ):
        outside.export_onnx(model, path)


def test_what_16_bits_cannot_hold_is_refused(path):
    layer = nn.LSTM(D, H)
    layer.weight_hh_l0.data[0, 0] = 1e5
    with pytest.raises(ValueError, match=r"weight_hh_l0 holds numbers beyond 65,504"):
        outside.export_onnx(layer, path, half=True)


def test_what_is_not_installed_is_named(path, monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxruntime$"):
        outside.export_onnx(nn.LSTM(D, H), path)
