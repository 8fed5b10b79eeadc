"""A folder that a run is kept in: what lies there, who may write, how it goes on."""

import os
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lstm.training import checkpoints

CHECKPOINT, WEIGHTS, HISTORY = "checkpoint.pt", "model.pt", "history.jsonl"


class Keeper:
    """Keeps a run in its folder as it goes: checkpoint and history; last, the weights.

    Every process of a run has one, the first writes. Without a folder nothing is kept.
    """

    def __init__(self, run, folder):
        self.run, self.folder = run, Path(folder) if folder else None
        self._saved, self._told = time.monotonic(), len(run.history.rows)

    def due(self):
        """Whether it is time to save."""
        waited = time.monotonic() - self._saved
        return bool(self.folder) and waited >= self.run.config.save_every

    def save(self):
        """Write the history and a checkpoint. All processes call it together."""
        if not self.folder:
            return
        parts = self.run.state_dict()
        if self.run.world.first:
            self.run.history.write(self.folder / HISTORY)
            checkpoints.save(self.folder / CHECKPOINT, parts)
        self._saved = time.monotonic()

    def begin(self, resume):
        """Go on from what lies in the folder, or write there what a run begins with.

        The first process looks and reads, and tells the others.
        """
        if not self.folder:
            return
        world, path = self.run.world, self.folder / CHECKPOINT
        there, *_ = world.gather(world.first and path.exists())
        if not there:
            if world.first:
                (self.folder / HISTORY).unlink(missing_ok=True)
            checkpoints.loadable(self.run.state_dict())  # which all processes make
            self.save()
            return
        if not resume:
            raise FileExistsError(
                f"{self.folder} holds a run: resume it, or choose another folder"
            )
        saved, *_ = world.gather(checkpoints.load(path) if world.first else None)
        self.run.load_state_dict(saved, path)
        if world.first:
            self.run.history.take_up(self.folder / HISTORY, saved["rows"])
        self.run.history.rows, *_ = world.gather(self.run.history.rows)
        self._told = saved["rows"]

    def tell(self, watch):
        """Hand a watcher the rows that are new."""
        rows = self.run.history.rows
        if watch and self.run.world.first:
            for row in rows[self._told :]:
                watch(row)
        self._told = len(rows)

    def end(self):
        """Write the weights."""
        if self.folder and self.run.world.first:
            checkpoints.save(self.folder / WEIGHTS, self.run.model.state_dict())

    def farewell(self):
        """What to say to whoever pressed Ctrl-C."""
        where = f"stopped after step {self.run.step} of {self.run.config.steps}"
        return f"{where}, saved in {self.folder}" if self.folder else where


@contextmanager
def kept(run, folder, resume):
    """Give the `Keeper` of a run, its folder locked meanwhile."""
    keeper = Keeper(run, folder)
    if folder and run.world.first:
        keeper.folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) if folder and run.world.first else nullcontext():
        keeper.begin(resume)
        yield keeper


@contextmanager
def locked(folder):
    """Keep a folder to this process; another that wants it gets a BlockingIOError.

    The lock goes with the process, however it ends. Where torchrun starts processes
    again it waits a minute for the old one's, since a network's disk may be slow.
    """
    from filelock import FileLock, Timeout  # torch needs it, so it is there

    lock = FileLock(Path(folder) / ".lock", is_singleton=True)
    try:
        lock.acquire(timeout=60 if "TORCHELASTIC_RUN_ID" in os.environ else 0)
    except Timeout as error:
        raise BlockingIOError(f"another run is writing to {folder}") from error
    try:
        yield
    finally:
        lock.release()
