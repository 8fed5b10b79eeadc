"""How long, how fast and in which manner to train."""

from dataclasses import dataclass

import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
SCHEDULES = ("constant", "cosine", "one-cycle")
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
STATES = ("reset", "carry")


@dataclass(frozen=True)
class TrainConfig:
    """How long, how fast and in which manner to train."""

    # parameter updates; the batches are gone through again until they are done
    steps: int = 600
    lr: float = 2e-3  # with a schedule, the highest
    clip: float | None = 1.0  # global gradient norm; None: the gradient as it is
    optimizer: str = "adam"  # or "adamw", "sgd"
    weight_decay: float = 0.0
    schedule: str = "constant"  # or "cosine", "one-cycle", down to almost 0 at the end
    state: str = "reset"  # before each minibatch; "carry": the last one's, detached
    precision: str = "float32"  # or "bfloat16", "float16" (GPU): products by autocast
    validate_every: int | None = None  # steps; None: after each pass over the batches
    patience: int | None = None  # validations without a better one, then the end
    save_every: float = 2.0  # seconds from checkpoint to checkpoint

    def __post_init__(self):
        known = {
            "optimizer": tuple(OPTIMIZERS),
            "schedule": SCHEDULES,
            "state": STATES,
            "precision": tuple(PRECISIONS),
        }
        for name, choices in known.items():
            if (given := getattr(self, name)) not in choices:
                expected = ", ".join(choices)
                raise ValueError(
                    f"unknown {name} {given!r}: expected one of {expected}"
                )
        for name in ("steps", "validate_every", "patience"):
            if (given := getattr(self, name)) is not None and given < 1:
                raise ValueError(f"{name} must be at least 1, got {given}")
        for name in ("lr", "clip"):
            if (given := getattr(self, name)) is not None and not given > 0:
                raise ValueError(f"{name} must be more than 0, got {given}")

    def make_optimizer(self, parameters):
        """The optimiser that the settings name."""
        kind = OPTIMIZERS[self.optimizer]
        return kind(parameters, lr=self.lr, weight_decay=self.weight_decay)

    def make_schedule(self, optimizer):
        """The schedule of the learning rate that the settings name; None: constant."""
        if self.schedule == "constant":
            return None
        if self.schedule == "cosine":
            cosine = torch.optim.lr_scheduler.CosineAnnealingLR
            return cosine(optimizer, self.steps)
        # one step more than is taken: the rate after the last one is asked for, too
        one_cycle = torch.optim.lr_scheduler.OneCycleLR
        return one_cycle(optimizer, self.lr, total_steps=self.steps + 1)

    def differences(self, saved):
        """What another config, as a dict, says otherwise, in words, name by name.

        How often is saved makes no difference; nor does, at a constant rate, the end.
        """
        free = {"save_every"} | ({"steps"} if self.schedule == "constant" else set())
        return [
            f"{name} is {value}, was {saved[name]}"
            for name, value in vars(self).items()
            if name not in free and value != saved.get(name, value)
        ]
