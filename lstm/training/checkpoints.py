"""Files of tensors and plain values: written whole or not at all, read without code.

A checkpoint may come from anywhere, and a pickle can hold any program, so nothing but
tensors and plain values is ever loaded.
"""

import io
import pickle
from pathlib import Path

import torch

from lstm.atomic import replacing

FORMAT = 1  # of what `fit` keeps; another one is refused


def save(path, parts):
    """Write a dict of tensors and plain values to a file, whole or not at all.

    Raises OSError if it cannot be written, for a full disk for example; the old file is
    as it was then.
    """
    try:
        with replacing(path) as partial:
            torch.save(parts, partial)
    # a writer whose disk is full ends in RuntimeError, one without a folder, too
    except (OSError, RuntimeError) as error:
        old = "; the old file is as it was" if Path(path).exists() else ""
        reason = str(error).splitlines()[0]
        raise OSError(f"could not write {path}: {reason}{old}") from error


def load(path):
    """Return what `save` wrote, its tensors on the CPU.

    Raises OSError if the file cannot be read; ValueError if it is not whole, or holds
    anything but tensors and plain values, which is not executed.
    """
    with Path(path).open("rb") as file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{path} is not a checkpoint, or holds more than tensors and plain "
                "values, which is not loaded, since it could run any program"
            ) from error
        except Exception as error:  # whatever a damaged archive leads to
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"{path} is not a checkpoint, or not a whole one: {reason}"
            ) from error


def loadable(parts):
    """Raise ValueError unless `load` would give back what `save` writes of this."""
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next(line for line in str(error).splitlines() if "GLOBAL" in line)
        raise ValueError(
            "a checkpoint of this run could not be loaded again: an optimiser or a "
            f"schedule keeps more than tensors and plain values ({reason.strip()})"
        ) from error


def load_weights(path, model):
    """Load a state_dict into a model, or leave the model as it is.

    Raises OSError or ValueError as `load`; ValueError if it is another model's.
    """
    restore(model, load(path), path)


def restore(model, weights, path):
    """Put weights into a model; raises ValueError if they are another model's."""
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    got = {name: tuple(getattr(t, "shape", ())) for name, t in weights.items()}
    if got != expected:
        names = sorted(got.items() ^ expected.items())
        there, here = (
            dict(item for item in names if item in side.items())
            for side in (got, expected)
        )
        raise ValueError(f"{path} holds another model: it has {there}, not {here}")
    model.load_state_dict(weights)
