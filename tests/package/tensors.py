"""Tensors for comparisons, in float64, and the gradients that are compared."""

import torch


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def gradients(results, leaves):
    """The leaves' gradients of a sum in which every number has a share of its own.

    The shares are the same on every call.
    """
    torch.manual_seed(1)
    scalar = sum((torch.randn_like(result) * result).sum() for result in results)
    return torch.autograd.grad(scalar, leaves)


class Elsewhere:
    """Stands for a tensor on another device: of use only once it has been moved."""

    def __init__(self, tensor):
        self.tensor, self.device = tensor, None

    def to(self, device):
        self.device = device
        return self.tensor
