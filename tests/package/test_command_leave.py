"""`lstm export-onnx`: a trained model goes out, and what cannot be done is one line."""

import json

import pytest
import torch

from lstm import outside, runs
from lstm.command import main
from lstm.models import generate

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
STORY = "it was a dark and stormy night, and the rain fell in torrents. " * 12


@pytest.fixture
def run(capsys):
    """Run a verb in this process; gives the exit code, and what was said and moaned."""

    def run(line):
        code = 0
        try:
            main(line.split())
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def trained(run, tmp_path):
    """The folder of a small language model."""
    story, folder = tmp_path / "story.txt", tmp_path / "run"
    story.write_text(STORY, encoding="utf-8")
    small = "--hidden-size 8 --batch 2 --length 8 --steps 6"
    code, _, moaned = run(f"train text --data {story} {small} --out {folder}")
    assert code == 0, moaned
    return folder


@pytest.mark.parametrize("half", ["", "--half"])
def test_the_file_writes_on_as_the_model_does_with_the_vocabulary_it_brings(
    run, trained, tmp_path, half
):
    path = tmp_path / "model.onnx"
    code, said, moaned = run(f"export-onnx {trained} --output {path} {half}")
    assert (code, moaned) == (0, "")
    assert said.startswith(f"written: {path}, within ")
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert (onnx.TensorProto.FLOAT16 in kinds) == bool(half)
    running = outside.session(path)
    symbols = json.loads(running.get_modelmeta().custom_metadata_map["symbols"])
    state, text = [torch.zeros(1, 1, 8)] * 2, "dark"
    for n in range(24):
        symbol = torch.tensor([[symbols.index(text[n])]])
        scores, *state = outside.call(running, symbol, *state)
        if n >= 3:
            text += symbols[1 + int(scores[0, 0, 1:].argmax())]
    assert text == generate(*runs.writer(trained), "dark", 21) or half


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{run} --output {tmp}", "error: cannot write {tmp}: it is a folder"),
        (
            "{run} --output {tmp}/a/b.onnx",
            "error: cannot write {tmp}/a/b.onnx: {tmp}/a",
        ),
        ("{tmp} --output {tmp}/b.onnx", "error: {tmp} holds no run"),
        ("{run}", "the following arguments are required: --output"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(run, trained, tmp_path, line, said):
    named = {"run": trained, "tmp": tmp_path}
    code, out, moaned = run(f"export-onnx {line.format(**named)}")
    assert (code, out) == (2, "")
    assert said.format(**named) in moaned
    assert not (tmp_path / "b.onnx").exists()
