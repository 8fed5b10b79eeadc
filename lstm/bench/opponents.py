"""Who else offers to make an LSTM fast: TorchScript; JAX and ONNX Runtime, if there.

L sequence length   N batch   D input size   H hidden size
"""

import functools
import logging
import tempfile
import warnings
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import torch


def has(*names):
    """Whether these modules can be imported."""
    return all(find_spec(name) for name in names)


def loop(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """The step and its loop as TorchScript's custom LSTMs have them.

    x: (L, N, D)   h, c: (N, H)   ->   outputs (L, N, H), the last h and c
    """
    outputs = []
    for n in range(x.shape[0]):
        sums = torch.mm(x[n], w_ih.t()) + b_ih + torch.mm(h, w_hh.t()) + b_hh
        i, f, g, o = sums.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs), h, c


def scripted(inputs, state, weights):
    """A rung: the loop by TorchScript."""
    outputs, *state = _scripted()(inputs, *state, *weights)
    return outputs, tuple(state)


@functools.cache
def _scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still an opponent
        return torch.jit.script(loop)


def by_jax(x, weights, slope):
    """A forward and backward pass of the same layer in JAX, compiled by XLA.

    The input's products stand before the loop, which is `jax.lax.scan`.
    ->   a function that returns the outputs and the gradients of the weights
    """
    import jax
    from jax import numpy as jnp

    def layer(weights, x):
        w_ih, w_hh, b_ih, b_hh = weights
        zeros = jnp.zeros((x.shape[1], w_hh.shape[1]), x.dtype)

        def step(state, own):
            h, c = state
            i, f, g, o = jnp.split(own + h @ w_hh.T, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        return jax.lax.scan(step, (zeros, zeros), x @ w_ih.T + (b_ih + b_hh))[1]

    @jax.jit
    def both(weights, x, slope):
        outputs, back = jax.vjp(lambda w: layer(w, x), weights)
        return outputs, *back(slope)[0]

    given = [jnp.asarray(t.detach().numpy()) for t in (*weights, x, slope)]

    def run():
        found = jax.block_until_ready(both(given[:4], *given[4:]))
        return [torch.from_dlpack(array) for array in found]

    return run


def by_onnx_runtime(layer, x, state=None):
    """A torch layer in ONNX Runtime, at these shapes, on as many threads as torch has.

    ->   a function that returns the output and the last state
    """
    import onnxruntime

    given = (x,) if state is None else (x, state)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch's exporter itself still uses
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        path = Path(folder) / "layer.onnx"
        with redirect_stdout(StringIO()):
            torch.onnx.export(layer.eval(), given, path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # or its threads, waiting, take the cores from whoever is next
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        provider = ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(path, options, providers=provider)
    tensors = [x, *(state or ())]
    names = [described.name for described in session.get_inputs()]
    named = {name: t.numpy() for name, t in zip(names, tensors, strict=True)}
    return lambda: [torch.from_numpy(array) for array in session.run(None, named)]
