"""The run on a GPU: what it says of the machine, and what it says without one."""

import sys

import pytest
import torch

import gpu


def test_without_a_gpu_it_says_so_and_fails(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit, match="no GPU: torch .* finds no CUDA device"):
        gpu.main()


def test_an_unknown_chapter_is_answered_before_the_folder_is_emptied(
    monkeypatch, tmp_path
):
    (tmp_path / "report.md").write_text("an earlier run", encoding="utf-8")
    words = ["gpu.py", "--device", "cpu", "--folder", str(tmp_path), "99"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="no chapter '99': there are 01_theory"):
        gpu.main()
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "an earlier run"


def test_a_machine_is_described_with_its_versions():
    facts = gpu.machine("cpu")
    assert facts["torch"] == torch.__version__
    assert "rehearsal" in facts["device"]
