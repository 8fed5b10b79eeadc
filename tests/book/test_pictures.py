"""Pictures of a built page: shown in their size, and loaded when they are near."""

import base64
import io
import os
import re
import subprocess
import sys

import nbformat.v4 as v4
import pytest
from PIL import Image

import lean
import pictures

EXTENSIONS = os.path.dirname(lean.__file__)


def png(width, height, shade=0, **options):
    """The bytes of a picture, of one shade of grey."""
    drawn = io.BytesIO()
    Image.new("L", (width, height), shade).save(drawn, "PNG", **options)
    return drawn.getvalue()


def cell(drawn, **metadata):
    """A cell that has drawn a picture, as a notebook keeps it."""
    data = {"image/png": base64.b64encode(drawn).decode()}
    metadata = {"image/png": metadata} if metadata else {}
    output = v4.new_output("display_data", data, metadata=metadata)
    return v4.new_code_cell("draw()", outputs=[output])


@pytest.fixture(scope="module", params=["html", "singlehtml"])
def built(request, tmp_path_factory):
    """Builder, and the tags of pictures on a page that was built from a notebook."""
    folder, builder = tmp_path_factory.mktemp("book"), request.param
    cells = [
        cell(png(600, 400, 1)),
        cell(png(600, 400, 2), width=300, height=200),  # as "retina" writes it
        cell(png(600, 400, 3, dpi=(240, 240))),
        cell(png(600, 400, 4, dpi=(120, 120))),
    ]
    python = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    cells.insert(0, v4.new_markdown_cell("# Pictures"))
    book = v4.new_notebook(cells=cells, metadata=python)
    (folder / "index.ipynb").write_text(v4.writes(book), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-qW", "-C", "-b", builder]
    command += ["-D", "extensions=myst_nb,pictures", "-D", "nb_execution_mode=off"]
    command += [folder, folder / "out"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": EXTENSIONS})
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    return builder, re.findall("<img [^>]*_images/[^>]*>", page)


def test_a_picture_of_twice_the_dots_is_shown_at_half_its_size(built):
    sizes = [
        re.search(r'width="(\d+)" height="(\d+)"', tag).groups() for tag in built[1]
    ]
    natural, half = ("600", "400"), ("300", "200")
    assert sizes == [natural, half, half, natural]


def test_nothing_else_gives_a_size(built):
    assert not any("style=" in tag for tag in built[1])


def test_all_but_the_first_wait_until_they_are_near_and_in_print_none(built):
    builder, tags = built
    lazy = ['loading="lazy"' in tag for tag in tags]
    assert lazy == [False] + [builder == "html"] * 3


def test_a_width_alone_gives_the_height(tmp_path):
    (tmp_path / "a.png").write_bytes(png(300, 200))
    assert pictures.size(tmp_path / "a.png", "width: 150px;") == (150, 100)
