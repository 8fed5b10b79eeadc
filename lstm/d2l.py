"""The one place that knows d2l's quirks: `from lstm.d2l import d2l`.

It gives the API of the study notes, which is d2l 0.17's. What is mended here, and
nothing else:
- d2l imports torchvision, which its recurrent code never uses: without a working one,
  an empty stand-in does;
- its Time Machine is our verified file (or the embedded text), never an unchecked
  download;
- its figures are PNG in the book's style, and the points of the last one can be had
  from `curve()`;
- its Accumulator no longer turns a tensor that wants gradients into a number, which
  torch warns of.
"""

import importlib
import sys
import types

from lstm.data import find_text
from lstm.figures.style import sharpen, styled

INSTALL = "pip install --no-deps d2l==0.17.6"
NEEDED = (
    "load_data_time_machine",
    "RNNModelScratch",
    "RNNModel",
    "train_ch8",
    "predict_ch8",
)
_STAND_INS = ("torchvision", "torchvision.transforms")


def load():
    """Import d2l and mend it.

    Raises ImportError, with the command to run, if it is missing or another generation.
    """
    module = _import()
    missing = [name for name in NEEDED if not hasattr(module, name)]
    if missing:
        raise ImportError(
            f"this d2l is of another generation (it has no {missing[0]}); "
            f"run: {INSTALL}"
        )
    _mend(module)
    return module


def curve():
    """Return the points (epochs, values) of the figure that d2l drew last."""
    if d2l.Animator.latest is None:
        raise RuntimeError("d2l has drawn no curve yet: call d2l.train_ch8 first")
    return d2l.Animator.latest.X[0], d2l.Animator.latest.Y[0]


def _import():
    borrowed = _stand_in_for_torchvision()
    try:
        return importlib.import_module("d2l.torch")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("d2l"):
            raise ImportError(f"d2l is missing; run: {INSTALL}") from error
        raise ImportError(
            f"d2l needs {error.name}, which is missing; run: pip install {error.name}"
        ) from error
    finally:
        for name in borrowed:
            sys.modules.pop(name, None)


def _stand_in_for_torchvision():
    try:
        importlib.import_module("torchvision.transforms")
        return ()
    # missing, built for another torch, or left half imported by an earlier failure
    except Exception:
        modules = {name: types.ModuleType(name) for name in _STAND_INS}
        modules["torchvision"].transforms = modules["torchvision.transforms"]
        sys.modules.update(modules)
        return _STAND_INS


def _mend(module):
    if hasattr(module, "mended_by_lstm"):
        return
    original_download = module.download

    def download(name, *args, **kwargs):
        if name == "time_machine":
            return str(find_text())
        return original_download(name, *args, **kwargs)

    class Animator(module.Animator):
        latest = None

        @styled
        def __init__(self, *args, figsize=(5.6, 3.4), **kwargs):
            super().__init__(*args, figsize=figsize, **kwargs)
            module.Animator.latest = self

        add = styled(module.Animator.add)

    class Accumulator(module.Accumulator):
        def add(self, *args):
            super().add(*(a.detach() if hasattr(a, "detach") else a for a in args))

    module.download = download
    module.Animator = Animator
    module.Accumulator = Accumulator
    module.use_svg_display = sharpen
    module.mended_by_lstm = True


d2l = load()
