"""What happened at each step of a training: kept as JSON lines, drawn on request."""

import json
from pathlib import Path

from lstm.atomic import replacing


class History:
    """Rows of a training: a dict of numbers for each step, and for each validation.

    A step's has step, epoch, loss, lr, norm (the gradient's, before clipping) and
    seconds (since the beginning, pauses left out); a validation's has step,
    validation_loss and validation_accuracy.
    """

    def __init__(self, rows=()):
        self.rows = list(rows)
        self._written = 0

    @classmethod
    def load(cls, path):
        """The history that a file holds.

        Raises OSError if it cannot be read; ValueError if a line is not JSON.
        """
        rows = []
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}, is not JSON") from error
        return cls(rows)

    @property
    def losses(self):
        """The loss of every step."""
        return self.column("loss")

    def column(self, name):
        """The values of a name, in the rows that have it."""
        return [row[name] for row in self.rows if name in row]

    def steps(self, name):
        """The steps at which a name has a value, for `column`."""
        return [row["step"] for row in self.rows if name in row]

    def write(self, path):
        """Add to a file what it does not hold yet."""
        with Path(path).open("a", encoding="utf-8") as file:
            for row in self.rows[self._written :]:
                file.write(json.dumps(row) + "\n")
        self._written = len(self.rows)

    def take_up(self, path, count):
        """Go on with the first rows of a file, and cut off the others there.

        Raises ValueError if it holds fewer.
        """
        lines = Path(path).read_text(encoding="utf-8").splitlines()[:count]
        if len(lines) < count:
            raise ValueError(f"{path} holds {len(lines)} rows, expected {count}")
        with replacing(path) as partial:
            partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.rows = [json.loads(line) for line in lines]
        self._written = count

    def plot(self):
        """Draw the loss over the steps, and of the validations, if there are any."""
        from lstm import figures

        held_out = self.steps("validation_loss"), self.column("validation_loss")
        return figures.training(self.steps("loss"), self.losses, *held_out)


def tensorboard(folder):
    """A watcher for `fit` that writes every number to TensorBoard's files in a folder.

    Raises ModuleNotFoundError, with the command that mends it, without TensorBoard.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "TensorBoard is not installed; run: pip install tensorboard"
        ) from error
    writer = SummaryWriter(folder)

    def watch(row):
        for name, value in row.items():
            if name != "step":
                writer.add_scalar(name, value, row["step"])

    return watch
