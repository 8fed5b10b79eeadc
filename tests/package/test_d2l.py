"""The bridge to d2l: the notes' API, on our data, whatever the state of torchvision."""

import importlib.abc
import sys
import types

import pytest
import torch
from torch import nn

import lstm
from lstm import figures
from lstm.d2l import INSTALL, NEEDED, curve, d2l
from lstm.d2l import load as load_d2l
from lstm.figures import style


def test_the_notes_names_are_there():
    for name in (*NEEDED, "try_gpu"):
        assert callable(getattr(d2l, name))


def test_without_the_real_text_its_text_is_the_embedded_one_and_nothing_is_written(
    offline,
):
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


def test_its_figures_are_png_in_the_books_style_and_size(monkeypatch):
    asked = []
    monkeypatch.setattr(d2l.backend_inline, "set_matplotlib_formats", asked.append)
    monkeypatch.setattr(style, "get_backend", lambda: "module://inline")
    animator = d2l.Animator(xlabel="epoch", legend=["train"])
    figures.plt.close("all")
    assert set(asked) == {"retina"}  # a PNG, at twice the pixels
    assert tuple(animator.fig.get_size_inches()) == (5.6, 3.4)
    assert animator.fig.get_dpi() == figures.STYLE["figure.dpi"]


def test_any_other_download_is_still_d2ls():
    with pytest.raises(AssertionError, match="no such file does not exist"):
        d2l.download("no such file")


FUNCTIONS = lstm.get_lstm_params, lstm.init_lstm_state, lstm.scratch_lstm
NETS = {
    "scratch": lambda: d2l.RNNModelScratch(28, 8, torch.device("cpu"), *FUNCTIONS),
    "concise": lambda: d2l.RNNModel(nn.LSTM(28, 8), 28),
}


@pytest.mark.parametrize("kind", NETS)
def test_train_ch8_runs_silently_but_for_its_own_words_and_its_curve_can_be_had(
    kind, offline, monkeypatch, capsys
):
    monkeypatch.setattr(d2l.display, "display", lambda figure: None)
    monkeypatch.setattr(d2l.display, "clear_output", lambda wait: None)
    batches, vocab = d2l.load_data_time_machine(4, 5, max_tokens=200)
    # a warning would be an error
    d2l.train_ch8(NETS[kind](), batches, vocab, 1, 20, torch.device("cpu"))
    d2l.plt.close("all")
    epochs, perplexities = curve()
    assert epochs == [10, 20]
    assert all(1 < p < 30 for p in perplexities)
    assert "perplexity" in capsys.readouterr().out


def test_a_curve_before_any_training_is_refused(monkeypatch):
    monkeypatch.setattr(d2l.Animator, "latest", None)
    with pytest.raises(RuntimeError, match="call d2l.train_ch8 first"):
        curve()


# the import


@pytest.fixture
def broken(monkeypatch):
    """Let the import of a package raise, and d2l be imported anew."""

    def broken(package, error):
        class Refuse(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name.split(".")[0] == package:
                    raise error(name)

        monkeypatch.setattr(sys, "meta_path", [Refuse(), *sys.meta_path])
        monkeypatch.delitem(sys.modules, "d2l.torch")
        for name in list(sys.modules):
            if name == package or name.startswith((f"{package}.", "torchvision")):
                monkeypatch.delitem(sys.modules, name, raising=False)

    monkeypatch.setattr("d2l.torch", d2l)  # to be put back
    return broken


def gone(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


ERRORS = {
    "missing": gone,
    "of another torch": lambda _: RuntimeError("operator torchvision::nms"),
    "half imported": lambda _: AttributeError("partially initialized module"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_it_imports_without_a_working_torchvision_and_leaves_no_stand_in(error, broken):
    broken("torchvision", ERRORS[error])
    anew = load_d2l()
    assert anew is not d2l
    assert callable(anew.train_ch8)
    assert not [name for name in sys.modules if name.startswith("torchvision")]


def test_a_missing_d2l_is_answered_with_the_command_to_run(broken):
    broken("d2l", gone)
    with pytest.raises(ImportError, match=f"d2l is missing; run: {INSTALL}"):
        load_d2l()


def test_a_missing_package_of_d2ls_is_named(broken):
    broken("pandas", gone)
    wrong = "d2l needs pandas, which is missing; run: pip install pandas"
    with pytest.raises(ImportError, match=wrong):
        load_d2l()


def test_a_d2l_of_the_wrong_generation_is_answered_with_the_command_to_run(monkeypatch):
    newer = types.ModuleType("d2l.torch")
    newer.TimeMachine = newer.RNNLMScratch = newer.Trainer = object
    monkeypatch.setitem(sys.modules, "d2l.torch", newer)
    wrong = f"of another generation .*load_data_time_machine.*; run: {INSTALL}"
    with pytest.raises(ImportError, match=wrong):
        load_d2l()


def test_loading_twice_mends_once():
    mended = d2l.download
    assert load_d2l() is d2l
    assert d2l.download is mended
