"""The device to compute on, and the precision that comparisons want of it."""

import warnings

import torch


def pick_device(name="auto"):
    """Return the torch.device of a name; 'auto' is the first GPU, or else the CPU.

    Raises ValueError, naming what there is, for a name that torch does not know or a
    device that is absent.
    """
    there = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if name == "auto":
        return torch.device("cuda:0" if "cuda:0" in there else "cpu")
    known = f"this machine has {', '.join(there)}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: {known}") from error
    plain = {"cuda": "cuda:0", "cpu:0": "cpu", "mps:0": "mps"}
    if plain.get(str(device), str(device)) not in there:
        raise ValueError(f"device {name!r} is not available: {known}")
    return device


def full_precision():
    """Keep a GPU's cuDNN from rounding float32 factors to 10 bits (TF32).

    torch.nn.LSTM would do so by default, a plain matrix product would not: comparisons
    want both alike.
    """
    # some versions of torch announce another name for this setting
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Please use the new API settings")
        torch.backends.cudnn.allow_tf32 = False
