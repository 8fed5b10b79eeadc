"""The bridge to d2l: the notes' API, on our data, whatever the state of torchvision."""

import importlib
import subprocess
import sys
import types

import pytest
import torch
from torch import nn

import lstm
from lstm.d2l import INSTALL, curve, d2l
from lstm.d2l import load as load_d2l


def test_the_notes_names_are_there():
    for name in (
        "load_data_time_machine",
        "RNNModelScratch",
        "RNNModel",
        "train_ch8",
        "predict_ch8",
        "try_gpu",
    ):
        assert callable(getattr(d2l, name))


def test_its_text_is_our_verified_file(offline):
    batches, vocab = d2l.load_data_time_machine(2, 5, max_tokens=100)
    assert len(vocab) == 28
    first = lstm.data.text.EMBEDDED.read_text(encoding="ascii").splitlines()[0]
    assert "".join(vocab.to_tokens(batches.corpus)).startswith(lstm.data.clean(first))
    assert not list(offline.iterdir())


def test_its_text_is_never_an_altered_file(offline, monkeypatch):
    (offline / "timemachine.txt").write_text("the time machine, altered")
    monkeypatch.setenv("LSTM_DATA", str(offline))
    with pytest.raises(lstm.data.DataError, match="is not the file it should be"):
        d2l.read_time_machine()


def test_its_figures_are_png(monkeypatch):
    asked = []
    monkeypatch.setattr(
        d2l.backend_inline,
        "set_matplotlib_formats",
        lambda *formats: asked.append(formats),
    )
    d2l.use_svg_display()
    assert asked == [("png",)]


def test_any_other_download_is_still_d2ls():
    with pytest.raises(AssertionError, match="no such file does not exist"):
        d2l.download("no such file")


@pytest.mark.parametrize("kind", ["scratch", "concise"])
def test_train_ch8_runs_silently_but_for_its_own_words_and_its_curve_can_be_had(
    kind, monkeypatch, capsys
):
    monkeypatch.setattr(d2l.display, "display", lambda figure: None)
    monkeypatch.setattr(d2l.display, "clear_output", lambda wait: None)
    batches, vocab = d2l.load_data_time_machine(4, 5, max_tokens=200)
    functions = lstm.get_lstm_params, lstm.init_lstm_state, lstm.lstm
    net = (
        d2l.RNNModelScratch(28, 8, torch.device("cpu"), *functions)
        if kind == "scratch"
        else d2l.RNNModel(nn.LSTM(28, 8), 28)
    )
    # a warning would be an error
    d2l.train_ch8(net, batches, vocab, 1, 20, torch.device("cpu"))
    epochs, perplexities = curve()
    assert epochs == [10, 20]
    assert all(1 < p < 30 for p in perplexities)
    assert "perplexity" in capsys.readouterr().out
    d2l.plt.close("all")


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


BROKEN = "import sys, importlib.abc\nclass Refuse(importlib.abc.MetaPathFinder):\n    def find_spec(self, name, path, target=None):\n        if name.split('.')[0] == {name!r}: raise {error}\nsys.meta_path.insert(0, Refuse())\n"  # noqa: E501


@pytest.mark.parametrize(
    "error",
    [
        "ModuleNotFoundError('gone', name=name)",
        "RuntimeError('operator torchvision::nms')",
        "AttributeError('partially initialized module')",
    ],
)
def test_it_imports_without_a_working_torchvision_and_leaves_no_stand_in(error):
    code = BROKEN.format(name="torchvision", error=error)
    done = python(
        code
        + "from lstm.d2l import d2l\nprint(d2l.train_ch8.__name__, 'torchvision' in sys.modules)"
    )
    assert done.stdout.split() == ["train_ch8", "False"], done.stderr


def test_a_missing_d2l_is_answered_with_the_command_to_run():
    code = BROKEN.format(
        name="d2l", error="ModuleNotFoundError('No module named d2l', name=name)"
    )
    done = python(code + "from lstm.d2l import d2l")
    assert f"ImportError: d2l is missing; run: {INSTALL}" in done.stderr


def test_a_missing_package_of_d2ls_is_named():
    code = BROKEN.format(
        name="pandas", error="ModuleNotFoundError('No module named pandas', name=name)"
    )
    done = python(code + "from lstm.d2l import d2l")
    assert (
        "ImportError: d2l needs pandas, which is missing; run: pip install pandas"
        in done.stderr
    )


def test_a_d2l_of_the_wrong_generation_is_answered_with_the_command_to_run(monkeypatch):
    newer = types.ModuleType("d2l.torch")
    newer.TimeMachine = newer.RNNLMScratch = newer.Trainer = object
    monkeypatch.setitem(sys.modules, "d2l.torch", newer)
    with pytest.raises(
        ImportError,
        match="of another generation .*load_data_time_machine.*; run: " + INSTALL,
    ):
        load_d2l()


def test_loading_twice_mends_once():
    mended = d2l.download
    assert load_d2l() is d2l
    assert d2l.download is mended


def test_a_curve_before_any_training_is_refused(monkeypatch):
    module = importlib.import_module("lstm.d2l")
    monkeypatch.setattr(module.d2l.Animator, "latest", None)
    with pytest.raises(RuntimeError, match="call d2l.train_ch8 first"):
        curve()
