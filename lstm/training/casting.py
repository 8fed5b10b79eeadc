"""The precision of a training's products."""

from contextlib import contextmanager

import torch

from lstm.training.config import PRECISIONS


@contextmanager
def casting(device, precision):
    """Products in a precision, by its name in a TrainConfig, on a device.

    Raises RuntimeError where torch's LSTM has no such products on a processor.
    """
    dtype = PRECISIONS[precision]
    try:
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            yield
    except RuntimeError as error:
        if dtype is None or "could not create a primitive" not in str(error):
            raise
        raise RuntimeError(
            f"torch's LSTM has no {precision} on this processor: choose precision "
            "float32, or one of the package's layers"
        ) from error
