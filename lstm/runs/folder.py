"""The folder of a run: its settings, and the model that was trained in it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from lstm.atomic import replacing
from lstm.data import Vocab
from lstm.runs.settings import Settings
from lstm.runs.tasks import TASKS, language_model
from lstm.training import checkpoints
from lstm.training.keeping import CHECKPOINT, WEIGHTS

SETTINGS = "settings.json"


def keep(folder, task):
    """Write what a run is; its folder is made if need be."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {"settings": asdict(task.settings), "data": task.facts}
    with replacing(folder / SETTINGS) as partial:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def saved(folder):
    """Whether a run is saved in a folder, to go on with."""
    return (folder / SETTINGS).exists() and (folder / CHECKPOINT).exists()


def going_on(folder, name, given):
    """The task, of this name, of a run that is gone on with.

    given: settings that were asked for; raises ValueError if the run has others, or its
    data are not what they were
    """
    settings, facts = read(folder)
    asked = replace(settings, **given).resolved()
    asked = {option: getattr(asked, option) for option in given} | {"task": name}
    if different := settings.differences(asked):
        raise ValueError(
            f"{folder} was begun with other settings: {'; '.join(different)}; go on "
            "without these options, or begin anew in another folder"
        )
    return _task(folder, replace(settings, **asked), facts)


def trained(folder, device="cpu"):
    """A run's task and its model: the final weights, or the last that were saved.

    Raises FileNotFoundError if the folder holds no run; ValueError if it is damaged, or
    its data are not what they were.
    """
    settings, facts = read(Path(folder))
    task = _task(folder, settings, facts)
    return task, _weights(Path(folder), task.model()).to(device)


def writer(folder, device="cpu"):
    """The language model of a run and its vocabulary; its text is not needed.

    Raises what `trained` raises; ValueError if it is a classifier.
    """
    settings, facts = read(Path(folder))
    if settings.task != "text":
        raise ValueError(f"{folder} holds a classifier of {settings.task}: no writer")
    vocab = Vocab.of(facts["symbols"])
    model = language_model(settings, len(vocab))
    return _weights(Path(folder), model).to(device), vocab


def _weights(folder, model):
    path = folder / WEIGHTS
    if path.exists():
        checkpoints.load_weights(path, model)
    else:
        path = folder / CHECKPOINT
        checkpoints.restore(model, checkpoints.load(path)["model"], path)
    return model


def read(folder):
    """The settings of a run and the facts of its data, as they lie in its folder."""
    path = folder / SETTINGS
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} holds no run: there is no {SETTINGS}; lstm train makes one"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**content["settings"]), content["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged, or of another version: {error}"
        ) from error


def _task(folder, settings, facts):
    known = (facts["symbols"],) if settings.task == "text" else ()
    task = TASKS[settings.task](settings, *known)
    if task.facts["sha256"] != facts["sha256"]:
        raise ValueError(
            f"{settings.data} is not what {folder} was trained on: its SHA-256 is "
            f"{task.facts['sha256'][:16]}…, was {facts['sha256'][:16]}…"
        )
    return task
