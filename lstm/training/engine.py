"""The loop: from the first step, or from where a run was stopped, to the last.

The trainer knows nothing of the model: a batch is (inputs, targets), the model maps
inputs to scores, and the loss compares the two.
"""

import contextlib
import signal
import threading

import torch
from torch import nn

from lstm.training.casting import casting
from lstm.training.config import TrainConfig
from lstm.training.keeping import kept
from lstm.training.processes import World
from lstm.training.progress import bar
from lstm.training.scoring import counted, detached, score, to
from lstm.training.state import Run


def fit(
    model,
    batches,
    config=None,
    loss=score,
    label="training",
    *,
    validation=None,
    folder=None,
    resume=False,
    optimizer=None,
    schedule=None,
    watch=None,
    world=None,
):
    """Train in place, on the device the model is on, and return the `History`.

    batches: an iterable of (inputs, targets) that can be gone through again and again;
        if it has `set_epoch`, it is told the number of each pass
    loss: of scores and targets, the mean over the targets that count
    validation: batches to measure on as the config says; with patience, training ends
        with the weights that were best on them
    folder: where a checkpoint, the history and at last the weights are kept, for
        `resume` to go on from, bit for bit as if nothing had been
    optimizer, schedule: torch's, made for this model, in place of the config's
    watch: is handed each row of the history
    world: the processes that train together; default: those of `torch.distributed`

    A progress bar is shown where tqdm is installed and the environment variable
    TQDM_DISABLE is not set. Ctrl-C lets the step end, saves, and raises
    KeyboardInterrupt. Raises ValueError if there are no batches (any more), or the
    folder holds another run; FloatingPointError if the loss is no longer finite;
    BlockingIOError if another run writes to the folder.
    """
    config, world = config or TrainConfig(), world or World.present()
    run = Run(model, config, world, optimizer, schedule)
    objective = world.wrap(Objective(model, loss, config.state == "carry"))
    with contextlib.ExitStack() as stack:
        keeper = stack.enter_context(kept(run, folder, resume))
        stop = stack.enter_context(interruptible())
        shown = stack.enter_context(bar(config.steps, label, run.step, world.first))
        model.train()
        while not run.over:
            for batch in run.one_pass(batches):
                inputs, targets, own = world.shard(*batch)
                inputs, targets = to(run.device, (inputs, targets))
                local = counted(targets) if own else 0
                due = world.first and keeper.due()
                total, save, halt = world.sum(local, due, stop.is_set())
                if total and not local:  # nothing of ours counts: any target will do
                    targets = torch.zeros_like(targets)
                share = local / total if total else 1.0

                run.optimizer.zero_grad()
                with casting(run.device, config.precision):
                    value, state = objective(inputs, targets, run.carried)
                # processes average their gradients; wanted is the sum, by their shares
                run.scaler.scale(value * (share * world.size)).backward()
                run.carried = detached(state) if own else None
                (value,) = world.sum(value.item() * share)
                run.update(value, total)

                shown(run.step, loss=f"{value:.3f}", speed=f"{run.speed:,.0f}/s")
                if validation and run.due:
                    run.validate(validation)
                keeper.tell(watch)
                if save or halt:
                    keeper.save()
                if halt:
                    raise KeyboardInterrupt(keeper.farewell())
                if run.over:
                    break
            else:
                run.next_pass()
                if validation and config.validate_every is None:
                    run.validate(validation)
        if validation:
            run.validate(validation)
        keeper.tell(watch)
        keeper.save()
        if config.patience and run.best:
            model.load_state_dict(run.best["weights"])
        keeper.end()
    return run.history


class Objective(nn.Module):
    """A model and its loss as one module: what several processes differentiate."""

    def __init__(self, model, loss, carry):
        super().__init__()
        self.model, self.loss, self.carry = model, loss, carry

    def forward(self, inputs, targets, state):
        """->   the loss; the state to carry on, or None"""
        if not self.carry:
            return self.loss(self.model(inputs), targets), None
        scores, state = self.model.step(inputs, state)
        return self.loss(scores, targets), state


@contextlib.contextmanager
def interruptible():
    """Give an event that Ctrl-C sets; pressed once more, it interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals go to the main thread alone
        return

    def pressed(number, frame):
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
