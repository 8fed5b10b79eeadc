"""To examine a model: what reads what, which weights learn, where a NaN begins.

N batch   L sequence length   D input size

A model maps inputs (N, L) of symbols, or (N, L, D) of numbers, to scores (N, L, ...) or
(N, ...), as those of `lstm.models` do.
"""

import contextlib

import torch

from lstm.training import score


@torch.no_grad()
def influence(model, inputs):
    """Which outputs change when one step of one sequence of the inputs is changed.

    inputs: (N, L), symbols, or (N, L, D), numbers
    ->   (N, L, N, L), booleans: [n, t, m, s] whether the output of sequence n at step t
    depends on the input of sequence m at step s; (N, N, L) if there is one output to a
    sequence. Symbols are changed to 0 (a 0 to 1), to numbers 1 is added. The model is
    in eval mode meanwhile.
    Raises ValueError for inputs of another number of axes.
    """
    symbols = not inputs.is_floating_point()
    if inputs.dim() != (2 if symbols else 3):
        wanted = "(N, L), symbols, or (N, L, D), numbers"
        given = f"{tuple(inputs.shape)} of {inputs.dtype}"
        raise ValueError(f"expected inputs {wanted}, got {given}")
    with evaluating(model):
        before, found = model(inputs), []
        for place in torch.cartesian_prod(*map(torch.arange, inputs.shape[:2])):
            changed, (m, s) = inputs.clone(), place.tolist()
            changed[m, s] = (inputs[m, s] == 0).long() if symbols else inputs[m, s] + 1
            found.append((model(changed) != before).any(dim=-1))
    return torch.stack(found, dim=-1).unflatten(-1, inputs.shape[:2])


@contextlib.contextmanager
def evaluating(model):
    """The model in eval mode, and afterwards in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def gradients(model, inputs, targets, loss=score):
    """The norm of each parameter's gradient on one batch: {name: a number, or None}.

    None: no gradient arrives there. What was in `.grad` before is gone afterwards.
    loss: of scores and targets
    """
    model.zero_grad()
    loss(model(inputs), targets).backward()
    found = {
        name: None if p.grad is None else p.grad.norm().item()
        for name, p in model.named_parameters()
    }
    model.zero_grad()
    return found


@contextlib.contextmanager
def finite(model):
    """While this lasts, let no module of a model give a number that is not finite.

    Raises FloatingPointError at the first module that does, with its name, how many of
    its output's numbers are NaN or infinite, and whether its input or its weights were
    so before it.
    """
    handles = [
        module.register_forward_hook(_looking(name or "the model"))
        for name, module in model.named_modules()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _looking(name):
    def look(module, inputs, outputs):
        if not (wrong := _broken(outputs)):
            return
        count = sum(tensor.numel() for tensor in _tensors(outputs))
        kind = type(module).__name__
        blame = "its input and its weights were finite"
        if _broken(list(module.parameters())):
            blame = "its weights were not finite before"
        elif _broken(inputs):
            blame = "its input was not finite before"
        raise FloatingPointError(
            f"{name} ({kind}): {wrong} of {count} numbers are not finite; {blame}"
        )

    return look


def _tensors(things):
    """The tensors of floating point in nested tuples and lists."""
    if isinstance(things, torch.Tensor):
        return [things] if things.is_floating_point() else []
    if isinstance(things, tuple | list):
        return [tensor for thing in things for tensor in _tensors(thing)]
    return []


def _broken(things):
    """How many numbers in the tensors of nested tuples are NaN or infinite."""
    return sum(int((~tensor.isfinite()).sum()) for tensor in _tensors(things))
