"""The run with Colab's packages: which Python, which kernel, what moved."""

import json
import sys

import pytest

import colab

INSTALLED = {"d2l": "0.17.6", "lstm-book": "0.1.0"}
BEFORE = {"numpy": "2.1.3", "torch": "2.11.0"}


def test_a_python_that_is_nowhere_is_asked_for():
    with pytest.raises(FileNotFoundError, match=r"no python3\.99 found"):
        colab.find_python((3, 99))


def test_an_unknown_chapter_is_answered_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(colab, "WORK", tmp_path / "work")
    monkeypatch.setattr(sys, "argv", ["colab.py", "99"])
    with pytest.raises(SystemExit, match="no chapter '99': there are 01_theory"):
        colab.main()
    assert not (tmp_path / "work").exists()


def test_a_kernel_of_another_python_is_described_for_jupyter(tmp_path):
    colab.install_kernel("/some/python", tmp_path)
    [path] = tmp_path.glob("kernels/*/kernel.json")
    assert json.loads(path.read_text(encoding="utf-8"))["argv"][0] == "/some/python"


def test_the_two_packages_of_the_set_up_cell_may_come():
    assert colab.moved(BEFORE, BEFORE | INSTALLED) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE | INSTALLED | {"numpy": "1.21.5"}, "numpy: 2.1.3 became 1.21.5"),
        (INSTALLED | {"numpy": "2.1.3"}, "torch: 2.11.0 became absent"),
        (BEFORE | INSTALLED | {"jupyter": "1"}, "jupyter: absent became 1"),
        (BEFORE | {"d2l": "0.17.6"}, "lstm-book was not installed"),
    ],
)
def test_a_package_that_moved_would_be_seen(after, said):
    assert colab.moved(BEFORE, after) == [said]
