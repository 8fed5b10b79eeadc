# ---
# part: Fast and far
# question: How do several processes train one model, and come to the weights of one?
# proved: >-
#   two processes give the gradient of one, with unequal shares, too; a killed worker
#   ends the job, and one process finishes it
# minutes: 0.7
# ---

# %% [markdown]
r"""
# 12. More than one process

**What you will build.** A training that two processes share, by thirty lines of
`torch.distributed` first and then by the command that you know, `lstm train`, started
through `torchrun`.

**What you will learn.** What each process holds, and what they tell each other. Why the
mean of their gradients is the wrong gradient as soon as their shares differ, by how
much, and which one factor mends it. Why an evaluation may count an item twice. What is
left of a training when a process is killed. What the talking costs. And which commands
take all this to several machines.

**What you need.** Chapter 2. No second machine and no GPU:
the two processes of this chapter talk over the loopback of the one you have.
"""

# %%
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence
from torch.testing import assert_close
from torch.utils.data import DistributedSampler

import lstm
from lstm import figures
from lstm.command import main as command_line
from lstm.data import RandomWindows, Vocab, load_text, windows
from lstm.figures import plt
from lstm.training import World
from lstm.training.processes import mapped

# %% [markdown]
r"""
## 12.1 One gradient, in two parts

Four letters are to be predicted. Their losses have the derivatives 1, 2, 3 and 10 with
respect to some weight. The loss of a minibatch is the mean, so its derivative is
$(1 + 2 + 3 + 10) / 4 = 4$.

Now two processes share the work. The first has three of the letters, the second has
one. Each takes the mean of its own: 2 and 10. They exchange these, take the mean of the
two, and get 6. That is not 4. The one letter of the second process has counted as much
as the three of the first.

What should they have done? Multiply each mean by its share of the letters, $3/4$ and
$1/4$, and add: $1.5 + 2.5 = 4$.
"""

# %%
derivatives = torch.tensor([1.0, 2.0, 3.0, 10.0])
first, second = derivatives[:3].mean(), derivatives[3:].mean()
unweighted, weighted = (first + second) / 2, 3 / 4 * first + 1 / 4 * second
print(
    f"one process {derivatives.mean():.0f}   mean of means {unweighted:.0f}", end="   "
)
print(f"each by its share {weighted:.0f}")

# %%
#| check: >-
#|   The shares' means, weighted by the shares, give the mean of all; unweighted not.
assert weighted == derivatives.mean()
assert unweighted != derivatives.mean()

# %% [markdown]
r"""
In general there are $S$ processes; $S$ is called the **world size**, and a process goes
by its number, its **rank**, from 0 to $S - 1$. Each holds the whole model and a
**shard** of the minibatch. Of the $n$ targets that count, $n_s$ are in the shard of
rank $s$, and $\mathbf{g}_s$ is the gradient of *their* mean loss. The gradient of all
of them is

$$\mathbf{g} = \sum_{s=0}^{S-1} \frac{n_s}{n}\, \mathbf{g}_s. \tag{12.1}$$

That all processes get the sum of what all of them have is an **all-reduce**. It is
nearly the only thing that they need to talk about: who begins with the same weights,
and at every step makes the same update, from the same optimiser state, ends with the
same weights.
"""

# %%
#| fig-alt: >-
#|   From left to right: a minibatch of eight items, five blue and three orange. The
#|   blue ones go to rank 0, the others to rank 1. Both have the same weights; the
#|   gradient of the five times five eighths and that of the three times three eighths
#|   meet in a plus, the all-reduce, from which both take the same step.
figures.processes((5, 3))
plt.show()

# %% [markdown]
r"""
This is **data parallelism**: the sequences are parted, the time steps are not. An LSTM
lends itself to it, since nothing recurrent has to be sent: a sequence stays with its
process from the first step to the last, its states and its cell, too. Where the state
is carried from window to window (section 7.10), each process carries that of its own
sequences.

PyTorch's `DistributedDataParallel`, DDP for short, does the all-reduce. It wraps the
model and sends the weights of rank 0 to all; then, during `backward`, the processes
exchange gradients and divide by their number,

$$\bar{\mathbf{g}} = \frac{1}{S} \sum_{s=0}^{S-1} \mathbf{g}_s, \tag{12.2}$$

which is (12.1) if all $n_s$ are equal, and only then in general. They often are not:
the last minibatch of a pass is ragged, sentences have different lengths, padding does
not count. How wrong is (12.2) then? One process is enough to see it. We take
minibatches of 32 windows of 35 letters from the package's little story and part them
into 20 and 12, for a fresh model of 32 units and for the same after 200 updates. (The
package would cut 32 windows into 16 and 16, never so; the unequal cut stands for shares
of which one has more targets that count.)
"""

# %%
vocab = Vocab(load_text("embedded"))
story = vocab.encode(load_text("embedded"))


def fresh(units=32):
    """A language model in float64, the same each time."""
    torch.manual_seed(0)
    return lstm.LanguageModel(nn.LSTM(len(vocab), units)).double()


def gradient(model, x, y):
    """The gradient of the mean loss, as one long vector."""
    model.zero_grad()
    lstm.score(model(x), y).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def relative(got, due):
    """The length of the difference, of the length that is due."""
    return ((got - due).norm() / due.norm()).item()


def errors(model, x, y, cut=20):
    """How far (12.2) and (12.1) are off, for the items before and after a cut."""
    due = gradient(model, x, y)
    one, two = gradient(model, x[:cut], y[:cut]), gradient(model, x[cut:], y[cut:])
    share = cut / len(x)
    by_shares = share * one + (1 - share) * two
    return relative((one + two) / 2, due), relative(by_shares, due)


x, y = windows(story, 35)
minibatches = [(x[n : n + 32], y[n : n + 32]) for n in range(0, 320, 32)]
trained = fresh()
letters = RandomWindows(story, 32, 35)
_ = lstm.fit(trained, letters, lstm.TrainConfig(steps=200, lr=1e-2))
off = {}
for name, model in {"fresh": fresh(), "trained": trained}.items():
    pairs = [errors(model, *batch) for batch in minibatches]
    plain, weighted = off[name] = list(zip(*pairs, strict=True))
    print(f"{name:8} (12.2) is off by {min(plain):.0%} to {max(plain):.0%}", end="; ")
    print("(12.1) by less than 1e-12:", max(weighted) < 1e-12)

# %% [markdown]
r"""
The fresh model hardly suffers: its two gradients are so alike that any mixture of them
will do. A plausible reason is that its first lesson, which letters are frequent at all,
is the same in every sequence, and that later the sequences have different things to
say; we have not tested it. A mistake that is small in a test of the first step need not
stay small.

Off on each minibatch does not mean off on average. Where it is chance which windows
come into which share, as with a cut after 20 shuffled ones, the mean of (12.2) over all
such cuts is the right gradient, and one cut is only noisier. It is biased where the
size of a share depends on what is in it: on the lengths of its sentences, or its
padding. Then the targets of the smaller share count for more, every time.
"""

# %%
#| check: >-
#|   On every minibatch (12.2) is off by more than 1 % when fresh, and by more than 10 %
#|   after training; (12.1) is exact to rounding.
assert min(off["fresh"][0]) > 0.01
assert min(off["trained"][0]) > 0.1
assert max(off["fresh"][0]) < min(off["trained"][0])
assert max(*off["fresh"][1], *off["trained"][1]) < 1e-12

# %% [markdown]
r"""
DDP divides by $S$, whatever we do. So the weight has to go into the loss before
`backward`: each process multiplies its mean loss by

$$S \cdot \frac{n_s}{n}, \tag{12.3}$$

the world size times local over global targets. Put $S\,n_s/n$ times $\mathbf{g}_s$ into
(12.2), and (12.1) comes out. The price is that the processes tell each other one number
more, how many targets they have.

## 12.2 Two processes, on this machine

Now with real processes. `torchrun`, which comes with PyTorch, starts as many as it is
told to, runs the same program in each, and hands each its rank. The program below reads
three minibatches that we leave in a file, takes its shard of each, and lets DDP compute
the gradient twice, plain and weighted by (12.3). `joined` is the package's. It gives a
pair: the `World`, which knows rank and size, and the device of this process, since with
GPUs each process has another. What they hide is PyTorch's `init_process_group`, and
`all_reduce` for the sum. The sending itself is done by a library of messages: *gloo*
between CPUs, NVIDIA's *NCCL* between GPUs.

`world.shard` gives the share's inputs and targets; the third thing, `_`, is whether
this process has an item of its own (section 12.3), and here each has. A target of -100
does not count: `cross_entropy` leaves it out. Rank 0, and nobody else, writes what was
found.
"""

# %%
PAIR = """
import sys

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import lstm
from lstm.training import joined


def gradient(world, x, y, weighted):
    torch.manual_seed(0)
    model = lstm.LanguageModel(nn.LSTM(int(sys.argv[1]), 32)).double()
    parallel = DistributedDataParallel(model)
    x, y, _ = world.shard(x, y)
    local = (y != -100).sum().item()
    (total,) = world.sum(local)
    loss = cross_entropy(parallel(x).flatten(0, 1), y.flatten(), reduction="sum")
    plain = 1 / local if local else 0.0
    loss = loss * (world.size / total if weighted else plain)
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


with joined("cpu") as (world, device):
    found = {
        (name, weighted): gradient(world, x, y, weighted)
        for name, (x, y) in torch.load("minibatches.pt").items()
        for weighted in (False, True)
    }
    if world.first:
        torch.save(found, "gradients.pt")
"""

# %% [markdown]
r"""
(The program takes the *sum* of its losses, times $S/n$. That is the mean times (12.3),
and is still a number when a process has no targets at all.) Three minibatches of eight
windows of five letters: all targets count; the last two of each of the last four
windows do not, which leaves 20 for rank 0 and 12 for rank 1; and none of the last four
windows counts.
"""

# %%
x, y = (part[:8] for part in windows(story, 5))
padded, empty = y.clone(), y.clone()
padded[4:, 3:], empty[4:] = -100, -100
minibatches = {"20 and 20": (x, y), "20 and 12": (x, padded), "20 and 0": (x, empty)}

place = tempfile.TemporaryDirectory()  # gone with this notebook
folder = Path(place.name)
torch.save(minibatches, folder / "minibatches.pt")
_ = (folder / "pair.py").write_text(PAIR, encoding="utf-8")


def surroundings():
    """The environment for torchrun, but for what another one may have put there."""
    outer = re.compile("(LOCAL_)?RANK$|(LOCAL_)?WORLD_SIZE$|MASTER_")
    kept = {name: value for name, value in os.environ.items() if not outer.match(name)}
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    return kept | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": paths}


def together(*arguments, fails=False):
    """Start two processes by torchrun, wait for their end, return the result.

    Raises RuntimeError with what they said if they fail, unless they are meant to.
    """
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run += ["--nproc-per-node=2", "--local-addr=127.0.0.1", *arguments]
    told = {"cwd": folder, "env": surroundings(), "timeout": 240}  # seconds
    ended = subprocess.run(run, capture_output=True, text=True, **told)
    if ended.returncode and not fails:
        raise RuntimeError(ended.stderr)
    return ended


ended = together("pair.py", str(len(vocab)))
print("exit code", ended.returncode)

# %% [markdown]
r"""
What `together` starts is, in a terminal, `torchrun --standalone --nproc-per-node 2
pair.py 28`. Beside the gradients that came back we put the one that this notebook
computes alone, from the whole minibatch.
"""

# %%
found = torch.load(folder / "gradients.pt", weights_only=True)
distance = {}
for name, (x, y) in minibatches.items():
    due = gradient(fresh(), x, y)
    plain, weighted = (relative(found[name, w], due) for w in (False, True))
    distance[name] = plain, weighted
    shown = f"{plain:5.1%}" if plain > 1e-12 else "  0  "
    exact = weighted < 1e-12
    print(f"{name:10} plain DDP off by {shown}   weighted below 1e-12:", exact)

# %%
#| check: >-
#|   Weighted, two processes have the gradient of one, whatever the shares; plain, only
#|   where the shares are equal. Where one shard is empty, plain DDP gives half the
#|   gradient.
assert max(weighted for _, weighted in distance.values()) < 1e-12
assert distance["20 and 20"][0] < 1e-12
assert distance["20 and 12"][0] > 0.05
assert abs(distance["20 and 0"][0] - 0.5) < 1e-12

# %% [markdown]
r"""
So few letters differ much from each other; hence the large error. In the last row plain
DDP has halved the gradient: the second process had nothing to add, and was
counted all the same. (Its mean over no targets would be no number; we made it 0. Had we
not, all weights of both processes would be lost.)

## 12.3 Each item once

How are the items shared out? This is the package's answer, for minibatches that every
process sees whole:
"""


# %%
# lstm/training/processes.py
def cut(thing, share):
    """A slice of the items of a tensor, or of a packed sequence."""
    if isinstance(thing, PackedSequence):
        return pack_sequence(unpack_sequence(thing)[share], enforce_sorted=False)
    return thing[share]


# %%
# lstm/training/processes.py, class World
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


# %% [markdown]
r"""
A minibatch of one item has to be thought of, too: an all-reduce waits for everybody, so
the process without an item must take part. It computes the first item once more, and
the weight (12.3) of what it computed is 0.

Most programs let `torch.utils.data.DistributedSampler` do the sharing, before there are
minibatches. Its aim is equal work: every process gets equally many items. Where the
items do not go into equal parts it repeats some. Here are 33 test items for two
processes, of which a model has read only item 0 rightly.
"""

# %%
items = torch.arange(33)
samplers = [DistributedSampler(items, 2, rank, shuffle=False) for rank in range(2)]
dealt = torch.tensor([n for sampler in samplers for n in sampler])
ours = [World(rank, 2).shard(items, items) for rank in range(2)]
owned = torch.cat([targets for _, targets, own in ours if own])
for name, given in {"DistributedSampler": dealt, "World.shard": owned}.items():
    twice = items[given.bincount(minlength=33) > 1].tolist()
    right = (given == 0).sum().item()
    print(f"{name:19}{len(given)} items, twice {twice}, accuracy {right}/{len(given)}")

# %%
#| check: >-
#|   The sampler deals 34 items, one of them twice; World.shard each of the 33 once, and
#|   so it does for 1 to 40 items and 1 to 6 processes. Of 10,000 items the sampler
#|   repeats none for 2, 4 or 8 processes, and 16 for 32.
assert (len(dealt), dealt.bincount().max()) == (34, 2)
for size in range(1, 7):
    for count in range(1, 41):
        some = torch.arange(count)
        parts = [World(rank, size).shard(some, some) for rank in range(size)]
        assert torch.equal(torch.cat([t for _, t, own in parts if own]), some)
for size, repeated in {2: 0, 4: 0, 8: 0, 32: 16}.items():
    each = len(DistributedSampler(range(10_000), size, 0))
    assert size * each - 10_000 == repeated

# %% [markdown]
r"""
In training a repeated item is a small injustice. In an evaluation it is a wrong number,
and one that changes with the world size. With 10,000 images two, four or eight
processes repeat none, and 32 repeat sixteen, which moves the accuracy by less than 0.2
points. That is easily overlooked.

## 12.4 The same command

The package's loop, `lstm.fit`, does all of this by itself: it asks
`torch.distributed` whether there are others, takes its shard of each minibatch, weights
the loss by (12.3), and sums the loss that it reports. With one process nothing of that
is done. So the command stays what it is, and `torchrun` goes before it:

```bash
# one process
lstm train text --data novel.txt --out run --device cpu
# two
torchrun --nproc-per-node 2 -m lstm train text --data novel.txt --out run --device cpu
```

Without `--device cpu` the processes would take GPUs where there are some, one for each.
If there is one GPU for two processes, the command says so and ends.

The size of the minibatch, `--batch`, is that of all processes together. The run is
therefore the same run at any world size, but for rounding and for dropout, whose masks
are drawn by each process. Let us see: 30 updates on the story by two processes,
and the same by one, here in the notebook.
"""

# %%
SMALL = "train text --data embedded --hidden-size 32 --batch 15 --length 32 --seed 1"
SMALL += " --steps 30 --schedule constant --dropout 0 --device cpu"


def alone(name, more=""):
    """Run the command in this process; return the weights that it comes to."""
    there = f"{SMALL} {more} --resume {folder / name}"
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        command_line(there.split())
    return torch.load(folder / name / "model.pt", weights_only=True)


ended = together("-m", "lstm", *SMALL.split(), "--resume", "two")
print("by two processes, exit code", ended.returncode)
two = torch.load(folder / "two" / "model.pt", weights_only=True)
one = alone("one")
files = {}
for name in ("one", "two"):
    files[name] = [p.name for p in (folder / name).iterdir() if p.name[0] != "."]
    print(name, *sorted(files[name]))


def apart(these, those):
    """The largest difference of a weight."""
    return max((these[name] - those[name]).abs().max().item() for name in those)


# %% tags=["nbval-ignore-output"]
print(f"largest difference of a weight: {apart(two, one):.1e}")

# %%
#| check: >-
#|   In single precision, after 30 updates by Adam, one process and two have the same
#|   weights to 1e-4, and files of the same names.
assert_close(two, one, rtol=0, atol=1e-4)
assert sorted(files["one"]) == sorted(files["two"])

# %% [markdown]
r"""
Two processes wrote one folder, since only rank 0 writes. (`--resume` on a folder in
which nothing is saved begins anew, and says so.)

## 12.5 When one is killed

With more machines there is more that can fail. A process that waits in an all-reduce
for one that has died may wait for minutes if the machine vanishes (a killed process's
socket closes at once). `torchrun` watches all of its processes. We let rank 1 kill
itself, by the signal that nobody can catch, when it is about to draw its thirteenth
minibatch.

The program below is the command, with two of the package's methods exchanged before it
starts: the one that deals the minibatches kills rank 1 at the thirteenth, and the one
that asks whether it is time to save says yes after every update, not every two seconds.
"""

# %%
MORTAL = """
import os, signal, sys, time
from lstm.command import main
from lstm.data import RandomWindows
from lstm.training.keeping import Keeper

immortal = RandomWindows.__iter__


def mortal(self):
    for n, batch in enumerate(immortal(self)):
        if n == 12 and os.environ["RANK"] == "1":
            open("death", "w").write(str(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch


RandomWindows.__iter__ = mortal
Keeper.due = lambda self: True
main(sys.argv[1:])
"""
_ = (folder / "mortal.py").write_text(MORTAL, encoding="utf-8")
ended = together("mortal.py", *SMALL.split(), "--resume", "killed", fails=True)
waited = time.time() - float((folder / "death").read_text())
print("exit code", ended.returncode, "  within two minutes of the death:", waited < 120)

# %% tags=["nbval-ignore-output"]
killed = folder / "killed"
saved = torch.load(killed / "checkpoint.pt", weights_only=True)
print(f"ended after {waited:.1f} s; saved: step {saved['position'][0]}")
said = [line for line in ended.stderr.splitlines() if line.startswith("rank")]
print(*said, sep="\n")
summary = ended.stderr[ended.stderr.find("mortal.py FAILED") :]
passing = re.compile(r"\s*(time|host) ")
print(*(line for line in summary.splitlines() if not passing.match(line)), sep="\n")

# %% [markdown]
r"""
The job ended with an error, and its last lines name the rank and the signal. (If the
survivor prints its error first, before `torchrun` ends it, it says that another process
has gone, because its connection closed.) What is left is the folder with the last
checkpoint. We go on from it, and with the one process that we have.
"""

# %%
there_was = (killed / "model.pt").exists()
finished = alone("killed")
print("weights before:", there_was, "  now:", (killed / "model.pt").exists())

# %% tags=["nbval-ignore-output"]
print(f"from the unbroken run a weight differs by at most {apart(finished, one):.1e}")

# %%
#| check: >-
#|   The job failed, named rank 1 and SIGKILL, and one process brought it to the weights
#|   of a run that was never broken, to 1e-4.
assert ended.returncode != 0
assert not there_was
failures = re.split(r"\[\d+\]:", summary)
(of_one,) = [said for said in failures if re.search(r"rank\s*: 1 ", said)]
assert "SIGKILL" in of_one
assert waited < 120
assert 0 < saved["position"][0] <= 12
assert_close(finished, one, rtol=0, atol=1e-4)

# %% [markdown]
r"""
Two processes began it, one has finished it. That is possible because the checkpoint
knows almost nothing of two: only one random state for each process, for dropout. The
position counts minibatches of all, the carried state is put together before it is
written and parted again after it is read, and what each pass draws comes from a seed
and the number of the pass.

## 12.6 What it costs

A step of one process takes the time $T$. Of $S$ processes each computes for about
$T/S$, and then they talk. An all-reduce need not go through one of them, which would
have to read everything: they stand in a ring, each sends a piece of its gradient to
the next, adds what it gets, and passes it on, until every piece has been everywhere
([Patarasuk and Yuan, 2009](https://doi.org/10.1016/j.jpdc.2008.09.002)). For each
parameter of the model a process then sends

$$2\,\frac{S - 1}{S} \tag{12.4}$$

numbers: less than two gradients, however many processes there are. (A ring is one way
of several, and libraries choose.) For a model of chapter 2's size, an LSTM of 256
units, by single precision's four bytes:
"""

# %%
parameters = sum(p.numel() for p in fresh(units=256).parameters())
print(f"parameters {parameters:,}")
for S in (2, 8, 64):
    megabytes = 4 * 2 * (S - 1) / S * parameters / 1e6
    slow, fast = megabytes / 125, megabytes / 12500  # seconds, at 1 and 100 Gbit/s
    print(f"S = {S:2}   each sends {megabytes:.1f} MB a step", end=": ")
    print(f"{1000 * slow:.0f} ms at 1 Gbit/s, {1000 * fast:.2f} ms at 100")

# %% [markdown]
r"""
These are the bytes alone; each of the $2(S - 1)$ messages adds a delay, which dominates
for so small a model. `lstm.fit` adds two small all-reduces per step: one for the number
of targets, before the gradient's, and one for the loss, after it.

And the computing? We let two processes measure both, on this machine, medians of nine:
the forward and backward pass of 32 windows of 64 letters in one process, of 16 windows
in each process at the same time, of a single window in each, and the all-reduce of the
gradient.
"""

# %%
CLOCK = """
import statistics, time
import torch
from torch import distributed, nn
import lstm
from lstm.training import joined


def median(work):
    times = []
    for _ in range(10):
        distributed.barrier()
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times[1:])


def step(count):
    if count:
        lstm.score(model(letters[:count]), letters[:count]).backward()


with joined("cpu") as (world, device):
    model = lstm.LanguageModel(nn.LSTM(28, 256))
    letters = torch.randint(28, (32, 64))
    gradient = torch.cat([p.flatten() for p in model.parameters()]).detach()
    times = [
        median(lambda: step(32 if world.first else 0)),
        median(lambda: step(16)),
        median(lambda: step(1)),
        median(lambda: distributed.all_reduce(gradient)),
    ]
    if world.first:
        print(*times)
"""
_ = (folder / "clock.py").write_text(CLOCK, encoding="utf-8")
ended = together("clock.py")
times = [float(time) for time in ended.stdout.split()]
whole, halves, single, talking = times

# %% tags=["nbval-ignore-output"]
names = "32 windows, one process", "16 in each of two", "1 in each of two", "all-reduce"
print(f"processor cores: {os.cpu_count()}")
print(f"one window takes 1/{whole / single:.0f} of the time of 32")
lstm.Table(("", "ms"), [(n, f"{t:.1f}") for n, t in zip(names, times, strict=True)])

# %% [markdown]
r"""
We assert nothing about these times, since they are the machine's, not the method's. Two
things keep the speed-up from being a factor of $S$ for every $S$. Small shards use a
processor less well: the 64 steps of an LSTM stay 64 steps, one after another, and the
matrix products at each of them get smaller. What that comes to is seen at a single
window per process: one hopes for 1/32 of the time, and the line above the table says
what it is. And the talking comes on top. DDP sends the gradient of one part while
`backward` computes the next ([Li et al., 2020](https://arxiv.org/abs/2006.15704)):
sending overlaps computing, and in a network of many layers it can hide behind it. In a
recurrent layer there is less to hide behind, since the gradient of its weights is
complete only when the way back has reached the first step.

So the tempting way is to give *each* process a full minibatch. That is efficient, and
another training: $S$ times as many sequences to an update, and fewer updates to a pass.
How to set the learning rate then is a question of its own; [Goyal et al.
(2017)](https://arxiv.org/abs/1706.02677) scale it with the minibatch, after a warm-up,
for images. A comparison must say what is held equal: the number of updates, of letters
read, or of seconds.

## 12.7 Several machines (not run here)

What follows was **not run here**: it needs machines that we do not have. The commands
are those of PyTorch's documentation of
[torchrun](https://docs.pytorch.org/docs/stable/elastic/run.html). On every machine the
same one, here four GPUs on each of two:

```bash
torchrun --nnodes 2 --nproc-per-node 4 \
    --rdzv-id novel --rdzv-backend c10d --rdzv-endpoint host1.example:29400 \
    -m lstm train text --data novel.txt --out /shared/run
```

The **rendezvous** is where the processes find each other: one host and port that all
can reach, and an id that tells jobs apart. It gives each process its rank, and waits
until all are there. The rest is as above, with NCCL in the place of gloo, since the
devices are GPUs. There are eight processes, and `--batch` is divided by eight. These
things have to be true:

- The package, PyTorch and the data are the same on all machines.
- The folder is on a file system that all of them see. Rank 0 alone writes and reads it,
  but after a restart rank 0 may be on another machine.
- All ports are open between the machines: further ones than that of the rendezvous are
  used, and which ones is settled only at the start.
- The machines' hostnames resolve on the others; else each gives an address that does,
  by `--local-addr`.
- The network is a trusted one. Whoever reaches the port may take part, and run code on
  the machines, since some of what is sent are pickled objects.
- The machines use the right network card: `GLOO_SOCKET_IFNAME` and `NCCL_SOCKET_IFNAME`
  name it where they guess wrong.

Machines fail, and rented ones are taken back. `torchrun` can start again by itself:

```bash
torchrun --nnodes 1:4 --nproc-per-node 4 --max-restarts 10 \
    --rdzv-id novel --rdzv-backend c10d --rdzv-endpoint host1.example:29400 \
    -m lstm train text --data novel.txt --resume /shared/run
```

Now one to four machines may take part. When a process dies, or a machine joins, all
processes are ended and started again, as many as there are now, and the program begins
from its first line. So it is `--resume` from the start: the first time it begins anew,
after that it goes on from the checkpoint, at whatever world size there is. What was
computed since the last checkpoint, about two seconds, is done again.

It has its limits. With `1:4` it does not wait for four: it starts about 30 seconds
after the first machine (a setting named `last_call`), and is started again when another
joins. Joins do not count against `--max-restarts`, failures do. A machine that vanishes
closes no sockets, so the survivors wait for NCCL's timeout, ten minutes by default,
before they are started again. And the meeting point itself, the `c10d` store, lives on
`host1`: if that dies, the job ends.

Every process of ours reads the whole text and takes its share of every minibatch. That
is what makes the run the same at any world size, and a text of a hundred megabytes
still fits. One that does not must be parted beforehand, each process reading a piece of
its own:

```python
def border(file, place):  # the first byte from a place on that begins a letter
    file.seek(place)
    while (byte := file.read(1)) and byte[0] & 0xC0 == 0x80:
        place += 1
    return place


size = path.stat().st_size  # in bytes
with path.open("rb") as file:
    begin = border(file, size * world.rank // world.size)
    end = border(file, size * (world.rank + 1) // world.size)
    file.seek(begin)
    piece = file.read(end - begin).decode()
```

(In UTF-8 a letter may have several bytes, and all but its first begin with the bits 10.
So begin and end move on to a first byte, and no letter is cut.)

Then three things are to be seen to. The worst is the vocabulary, since it fails in
silence: built from each piece, it gives the same letter another number in another
process. Build one, from the whole text, and hand it to all. The pieces have different
numbers of minibatches, and the process that is done first would leave the others
waiting: agree on how many minibatches to read, or let it go on with targets that do not
count. And the last minibatch of each piece has another length: (12.3) again, for that
one step at least. `lstm.fit` does not do this; the loop to write is that of `pair.py`.
The run is then no longer the same at another world size, since who reads what depends
on it.

## 12.8 What this chapter does not show

- A speed-up. Two processes on two busy cores need not be faster than one; see what the
  table says on your machine.
- Harm. We measured how far (12.2) is off on single minibatches; neither its bias, where
  shares differ by their content, nor what it does to a training.
- GPUs. On one machine with several, `torchrun --nproc-per-node 4 -m lstm train` takes
  one for each process. The sums are those of this chapter; their order, and so their
  rounding, is NCCL's.
- Dropout. Each process draws the masks of its own shard, and all begin a pass with the
  same random state. So a run with dropout is another run at another world size, and
  sequences of different shards share masks; what that does is not measured.
- Models that do not fit into one process. Every process here holds all weights and all
  of Adam's averages. Parting those, too, is another subject.

## Summary

- Data parallelism: every process holds the whole model and a shard of the minibatch;
  an all-reduce gives all of them the same gradient. The states of an LSTM stay where
  their sequences are.
- The mean over processes is the gradient only where all have equally many targets.
  With 20 and 12 of 32 windows it was off by a few per cent for a fresh model, and by
  more than ten for a trained one. The factor $S\,n_s/n$ in each loss makes it exact.
- `DistributedSampler` repeats items so that all have as many; an evaluation must not.
- Minibatches that are the same for all, drawn from a seed, make a run the same at any
  world size. So a job whose worker was killed can be finished by fewer.
- Each process sends less than twice the gradient a step. How much faster it is depends
  on the machine.

## Exercises

1. *(easy)* Three processes have 6, 3 and 1 targets, and the gradients of their mean
   losses are 1, 2 and 11. What does plain DDP compute, what is right, and by which
   factors does each multiply its loss?
   ([solution](solutions/12_scaling.ipynb#Exercise-1))
2. *(easy)* For which numbers of items from 1 to 12 does `DistributedSampler` deal each
   item once to four processes? Which items does it leave out with `drop_last=True`?
   ([solution](solutions/12_scaling.ipynb#Exercise-2))
3. *(medium)* A single process can go through the shards one after another and add up
   their gradients before it updates: *gradient accumulation*. Do so with shards of 20,
   9 and 3 windows. Which factor does each loss need, and why is it not (12.3)?
   ([solution](solutions/12_scaling.ipynb#Exercise-3))
4. *(medium)* `lstm.fit` clips after the all-reduce. Suppose that each process clipped
   its own gradient before. Show that the update differs, even with equal shards, and
   that it may point elsewhere. ([solution](solutions/12_scaling.ipynb#Exercise-4))
5. *(hard)* Write the all-reduce in a ring for a list of tensors, one for each process,
   that may only be sent to the next. Check the sum, and count what each sends against
   (12.4). ([solution](solutions/12_scaling.ipynb#Exercise-5))

## Further reading

- S. Li et al., [PyTorch distributed: experiences on accelerating data parallel
  training](https://arxiv.org/abs/2006.15704), 2020: how DDP works, buckets and overlap.
- P. Patarasuk, X. Yuan, [Bandwidth optimal all-reduce algorithms for clusters of
  workstations](https://doi.org/10.1016/j.jpdc.2008.09.002), 2009: the ring.
- P. Goyal et al., [Accurate, large minibatch SGD](https://arxiv.org/abs/1706.02677),
  2017: what changes when the minibatch grows with the number of processes.
- PyTorch's documentation of
  [torchrun](https://docs.pytorch.org/docs/stable/elastic/run.html) and of
  [DistributedDataParallel](https://docs.pytorch.org/docs/stable/notes/ddp.html).
"""
