"""What a training run consists of besides its data: what a checkpoint holds."""

import math
import random
import time

import numpy as np
import torch

from lstm.training import checkpoints
from lstm.training.history import History
from lstm.training.processes import mapped
from lstm.training.scoring import evaluate


class Run:
    """A model with its optimiser, schedule, random states, position and history."""

    def __init__(self, model, config, world, optimizer=None, schedule=None):
        self.model, self.config, self.world = model, config, world
        self.device = next(model.parameters()).device
        self.optimizer = optimizer or config.make_optimizer(model.parameters())
        self.schedule = schedule or config.make_schedule(self.optimizer)
        half = config.precision == "float16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half)
        self.history = History()
        self.step = self.epoch = self.batch = 0  # steps; passes; batches of this pass
        self.carried = None  # the recurrent state, from one minibatch to the next
        self.best, self.stale = None, 0  # the best validation; how many since
        self.seconds, self.since = 0.0, time.perf_counter()
        self.norm, self.items = 0.0, 0  # the last gradient's; targets since we began
        self.began = 0.0
        self._begin = self._resume = self._generator = None

    @property
    def over(self):
        """Whether there is nothing more to do."""
        patience = self.config.patience
        return self.step >= self.config.steps or (patience and self.stale >= patience)

    @property
    def lr(self):
        """The present learning rate."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def due(self):
        """Whether to validate after this step; a pass's end is seen elsewhere."""
        every = self.config.validate_every
        return every is not None and self.step % every == 0

    @property
    def speed(self):
        """Targets a second."""
        return self.items / max(self.seconds - self.began, 1e-9)

    def one_pass(self, batches):
        """The batches of this pass; those behind us are gone through, not given.

        Whatever a pass draws, it draws at its beginning from the random states, which
        are therefore kept, or from a number, the pass's, that `set_epoch` is told.
        """
        if hasattr(batches, "set_epoch"):
            batches.set_epoch(self.epoch)
        self._generator = getattr(batches, "generator", None)
        if self._begin is None:  # this pass has not begun yet
            self._go_on()
            # the first process's: all must draw the same minibatches
            self._begin, *_ = self.world.gather(random_states(self._generator))
        set_random_states(self._begin, self._generator)
        passing, empty = iter(batches), self.batch == 0
        for _ in range(self.batch):
            next(passing, None)
        self._go_on()
        for batch in passing:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                "there are no batches to train on: is the data smaller than one batch, "
                "or a generator, which can be gone through only once?"
            )

    def _go_on(self):
        if self._resume is not None:
            set_random_states(self._resume, self._generator)
            self._resume = None

    def update(self, value, items):
        """Clip the gradient, step the optimiser and the schedule; keep a row.

        Raises FloatingPointError, before any weight moves, if the loss, or at full
        precision the gradient, is not finite.
        """
        self.scaler.unscale_(self.optimizer)
        norm = clip(self.model.parameters(), self.config.clip)
        scaled = self.scaler.is_enabled()  # then a step too large is left out
        if not math.isfinite(value) or not (math.isfinite(norm) or scaled):
            raise FloatingPointError(
                f"the loss became {value:g} at step {self.step + 1}, learning rate "
                f"{self.lr:g}, gradient norm {norm:g} (one step before {self.norm:g}): "
                "try a lower rate or a smaller clip, or look for nan in the data"
            )
        row = {"step": self.step + 1, "epoch": self.epoch, "loss": value, "lr": self.lr}
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.schedule is not None:
            self.schedule.step()
        self.step, self.batch, self.norm = self.step + 1, self.batch + 1, norm
        self.items += items
        self.keep(row | {"norm": norm if math.isfinite(norm) else None})

    def keep(self, row):
        """Add a row to the history, with the time."""
        now = time.perf_counter()
        self.seconds, self.since = self.seconds + now - self.since, now
        self.history.rows.append(row | {"seconds": round(self.seconds, 3)})

    def next_pass(self):
        """Count a pass; the next one begins without a state."""
        self.epoch, self.batch, self.carried = self.epoch + 1, 0, None
        self._begin = None

    def validate(self, batches):
        """Measure on held-out batches, once a step, and remember the best weights."""
        rows = self.history.rows
        if rows and rows[-1]["step"] == self.step and "validation_loss" in rows[-1]:
            return
        result = evaluate(self.model, batches, self.config.state, self.world)
        self.keep(
            {
                "step": self.step,
                "validation_loss": result.loss,
                "validation_accuracy": result.accuracy,
            }
        )
        if self.best is None or result.loss < self.best["loss"]:
            weights = {n: t.cpu().clone() for n, t in self.model.state_dict().items()}
            self.best = {"loss": result.loss, "step": self.step, "weights": weights}
            self.stale = 0
        else:
            self.stale += 1

    def state_dict(self):
        """All of it, but the history: tensors and plain values. Every process calls."""
        world = self.world
        random_of_all = world.gather(random_states(self._generator))
        carried = world.gather(mapped(lambda s: s.cpu(), self.carried))
        return {
            "format": checkpoints.FORMAT,
            "config": vars(self.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "scaler": self.scaler.state_dict(),
            "position": [self.step, self.epoch, self.batch],
            "rows": len(self.history.rows),
            "carried": world.join(carried),
            "best": self.best,
            "stale": self.stale,
            "norm": self.norm,
            "seconds": self.seconds,
            "begin": self._begin,
            "random": random_of_all,
        }

    def load_state_dict(self, saved, path):
        """Go on from a checkpoint.

        Raises ValueError if it is of another format, model or config; nothing is
        changed then.
        """
        if (found := saved.get("format")) != checkpoints.FORMAT:
            raise ValueError(
                f"{path} is of format {found}, written by another version; this one "
                f"reads format {checkpoints.FORMAT}"
            )
        if different := self.config.differences(saved["config"]):
            raise ValueError(
                f"{path} was written with other settings: {'; '.join(different)}"
            )
        checkpoints.restore(self.model, saved["model"], path)
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(saved["schedule"])
        self.scaler.load_state_dict(saved["scaler"])
        self.step, self.epoch, self.batch = saved["position"]
        carried = self.world.part(saved["carried"])
        self.carried = mapped(lambda s: s.to(self.device), carried)
        self.best, self.stale, self.norm = saved["best"], saved["stale"], saved["norm"]
        self.seconds = self.began = saved["seconds"]
        self.since = time.perf_counter()
        self._begin, rank = saved["begin"], self.world.rank
        of_all = saved["random"]
        self._resume = of_all[rank] if rank < len(of_all) else random_states()


def clip(parameters, bound=None):
    """Scale gradients whose norm, of all together, exceeds a bound; return the norm.

    As `torch.nn.utils.clip_grad_norm_`, which goes through all of them in any case, to
    multiply most of the time by 1.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    norm = torch.linalg.vector_norm(torch.stack(norms)).item() if norms else 0.0
    if bound is not None and not norm <= bound:
        for gradient in gradients:
            gradient.mul_(bound / (norm + 1e-6))
    return norm


def random_states(generator=None):
    """The states of what draws: torch, its present GPU, Python, numpy; a generator."""
    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else [],
        "python": random.getstate(),
        "numpy": [kind, keys.tolist(), *rest],
        "generator": generator.get_state() if generator is not None else None,
    }


def set_random_states(states, generator=None):
    """Put the states of `random_states` back."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"][0])
    random.setstate(states["python"])
    np.random.set_state(tuple(states["numpy"]))
    if generator is not None and states["generator"] is not None:
        generator.set_state(states["generator"])
