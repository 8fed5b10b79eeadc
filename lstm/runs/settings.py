"""The settings of a run: data, model, manner of training."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from lstm.data.text import CORPORA
from lstm.training import TrainConfig

CELLS = "LSTM", "GRU", "RNN"
LAYERS = "torch", "ours", "fast", "scratch"


@dataclass(frozen=True)
class Settings:
    """All that makes a run what it is."""

    task: str  # "text" or "digits"
    data: str | None = None  # a corpus by name, or a path; None: what can be had
    layer: str = "torch"  # or "ours", "fast", "scratch"
    cell: str = "LSTM"  # or "GRU", "RNN"
    hidden_size: int = 256
    num_layers: int = 1
    bidirectional: bool = False  # digits only
    dropout: float = 0.0  # between layers, and of the last one's output
    forget_bias: float | None = None  # of an LSTM; None: as it is drawn
    batch: int = 32
    length: int = 64  # of a window of text
    state: str = "reset"  # or "carry", from one window to the next
    epochs: float | None = 20  # passes; steps go before
    steps: int | None = None
    lr: float = 1e-2
    optimizer: str = "adam"
    schedule: str = "one-cycle"
    clip: float | None = 1.0
    weight_decay: float = 0.0
    precision: str = "float32"
    patience: int | None = None
    seed: int = 0

    def __post_init__(self):
        least = {"hidden_size": 1, "num_layers": 1, "batch": 1, "length": 1}
        for name, number in least.items():
            if (given := getattr(self, name)) < number:
                raise ValueError(f"{name} must be at least {number}, got {given}")
        plain = self.task == "text" and self.num_layers == 1 and not self.dropout
        if self.layer == "scratch" and not plain:
            raise ValueError(
                "the functions from scratch are a language model of one layer without "
                "dropout: take --layer ours, fast or torch"
            )
        if self.cell == "RNN" and self.layer != "torch":
            raise ValueError(
                f"there is no RNN among {self.layer!r}: take --layer torch"
            )
        if self.forget_bias is not None and self.cell != "LSTM":
            raise ValueError(f"a forget bias is an LSTM's, got a cell of {self.cell}")

    def resolved(self):
        """The same, with a file's whole path."""
        if self.data is None or self.task != "text" or self.data in CORPORA:
            return self
        return replace(self, data=str(Path(self.data).expanduser().resolve()))

    def config(self, batches):
        """How `fit` is to train on these batches."""
        names = {field.name for field in fields(TrainConfig)}
        own = {name: value for name, value in asdict(self).items() if name in names}
        steps = self.steps or max(1, round(self.epochs * len(batches)))
        return TrainConfig(**own | {"steps": steps})

    def differences(self, given):
        """What other settings, by name, say otherwise, in words.

        At a constant rate a run may go on longer than it was first told.
        """
        free = {"steps", "epochs"} if self.schedule == "constant" else set()
        return [
            f"{name} is {value}, was {getattr(self, name)}"
            for name, value in given.items()
            if name not in free and value != getattr(self, name)
        ]


DEFAULTS = {
    "text": Settings("text", dropout=0.3),
    "digits": Settings(
        "digits", hidden_size=128, num_layers=2, batch=100, epochs=6, clip=None
    ),
}
