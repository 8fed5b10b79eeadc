"""Publishing: what is packed and what refused; and that tools explain themselves."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import publish

TOOLS = Path(publish.__file__).parent


def test_a_zip_of_the_same_pages_is_the_same_file(tmp_path):
    pages = tmp_path / "pages"
    (pages / "sub").mkdir(parents=True)
    (pages / "index.html").write_text("hello", encoding="utf-8")
    (pages / "sub/page.html").write_text("world", encoding="utf-8")
    publish.pack(pages, tmp_path / "a.zip")
    (pages / "index.html").touch()
    publish.pack(pages, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["lstm-book/index.html", "lstm-book/sub/page.html"]
        assert archive.testzip() is None
    assert not list(tmp_path.glob("*.partial"))


def test_publishing_without_an_address_asks_for_one(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["publish.py"])
    with pytest.raises(SystemExit, match="REPOSITORY is ''"):
        publish.main()


@pytest.mark.parametrize("name", ["publish", "colab", "gpu", "chapters", "faults"])
def test_a_tool_says_what_it_does(name):
    command = [sys.executable, TOOLS / f"{name}.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "usage:" in done.stdout
