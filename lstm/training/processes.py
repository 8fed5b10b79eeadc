"""Several processes, on one machine or more, that train one model together.

Each sees the same minibatches and takes its share of the sequences; a gradient is then
the sum over all of them. `torchrun` starts the processes and tells each its rank.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

# what gloo says, among other things, when the process at the other end is no more
GONE = "Connection closed by peer", "Connection reset by peer", "Broken pipe"


@dataclass(frozen=True)
class World:
    """How many processes there are, and which of them this one is."""

    rank: int = 0
    size: int = 1

    @classmethod
    def present(cls):
        """The world that `torch.distributed` was initialised with; else alone."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    @property
    def first(self):
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def shard(self, inputs, targets):
        """This process's share of a minibatch: inputs, targets, and whether it has one.

        inputs: a tensor (N, ...), a packed sequence of N, or a tuple of such
        The N items are parted among the processes, each item to one of them, the first
        with one more where N does not go into equal parts. Where there are fewer items
        than processes, one without a share gets the first item, so that it computes
        something, and False.
        """
        if self.size == 1:
            return inputs, targets, True
        items = len(targets)
        each, more = divmod(items, self.size)
        begin = self.rank * each + min(self.rank, more)
        own = slice(begin, begin + each + (self.rank < more))
        share = own if own.start < own.stop else slice(0, 1)
        inputs, targets = mapped(lambda thing: cut(thing, share), (inputs, targets))
        return inputs, targets, own.start < own.stop

    def sum(self, *numbers):
        """The sum of each number over all processes, in float64."""
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=_device())
        distributed.all_reduce(tensor)
        return tensor.tolist()

    def gather(self, thing):
        """What every process has to give, in order of rank."""
        if self.size == 1:
            return [thing]
        things = [None] * self.size
        distributed.all_gather_object(things, thing)
        return things

    def wrap(self, module):
        """The module, its gradients the mean over all processes when there are more."""
        return module if self.size == 1 else DistributedDataParallel(module)

    def join(self, states):
        """One carried state of all processes' shares; None: of one without a share.

        The sequences are the last axis but one: (..., N, H).
        """
        states = [state for state in states if state is not None]
        if len(states) < 2:
            return states[0] if states else None
        if isinstance(states[0], torch.Tensor):
            return torch.cat(states, dim=-2)
        return tuple(torch.cat(parts, dim=-2) for parts in zip(*states, strict=True))

    def part(self, state):
        """This process's share of a state that `join` made; None: it has none."""
        if state is None or self.size == 1:
            return state
        items = (state if isinstance(state, torch.Tensor) else state[0]).shape[-2]
        if self.rank >= items:
            return None
        return mapped(lambda s: s.tensor_split(self.size, dim=-2)[self.rank], state)


@contextmanager
def joined(device="cpu"):
    """Join the processes that torchrun started; give the `World`, and the device.

    NCCL joins GPUs, one for each process of a machine, gloo CPUs. Not started by
    torchrun, this is the only process. Raises ValueError if there are more processes
    than GPUs; ConnectionError if another process goes before the end.
    """
    if "WORLD_SIZE" not in os.environ:
        yield World(), torch.device(device)
        return
    device = torch.device(device)
    if device.type == "cuda":
        rank, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if rank >= count:
            raise ValueError(
                f"there are {count} GPUs for {os.environ['LOCAL_WORLD_SIZE']} "
                "processes of this machine: start fewer, or give --device cpu"
            )
        device = torch.device("cuda", rank)
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World.present(), device
    except RuntimeError as error:
        if not any(sign in str(error) for sign in GONE):
            raise
        raise ConnectionError(
            "another process has gone (torchrun says which); resume what was saved"
        ) from error
    # not after an error: others may still wait for us, and torchrun is to see our end
    distributed.destroy_process_group()


def mapped(function, things):
    """A function of each tensor and packed sequence, in tuples or alone; None stays."""
    if things is None:
        return None
    if isinstance(things, (tuple, list)) and not isinstance(things, PackedSequence):
        return tuple(mapped(function, thing) for thing in things)
    return function(things)


def _device():
    nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else "cpu"


def cut(thing, share):
    """A slice of the items of a tensor, or of a packed sequence."""
    if isinstance(thing, PackedSequence):
        return pack_sequence(unpack_sequence(thing)[share], enforce_sorted=False)
    return thing[share]
