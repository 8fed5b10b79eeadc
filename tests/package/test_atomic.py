"""A file is replaced whole, or stays what it was."""

import pytest

from lstm.atomic import replacing


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_what_is_written_takes_the_files_place_at_the_end(tmp_path, kind):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(kind(path)) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_not_there_is_made(tmp_path):
    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def breaks_off():
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(type(error)):
        breaks_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_before_anything_is_written_is_handed_on(tmp_path):
    with pytest.raises(OSError, match="disk full"), replacing(tmp_path / "a.txt"):
        raise OSError("disk full")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nowhere/a.txt", "a" * 250 + ".txt"])
def test_an_error_names_the_file_that_was_asked_for_not_that_of_the_meantime(
    tmp_path, name
):
    path = tmp_path / name
    wanted = pytest.raises(OSError, match="No such file|too long")
    with wanted as caught, replacing(path) as partial:
        partial.write_text("new")
    assert caught.value.filename == str(path)
    assert ".partial" not in str(caught.value)


def test_a_block_that_writes_nothing_is_told_that_nothing_was_written(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    wanted = pytest.raises(FileNotFoundError, match=r"a\.txt\.partial' -> ")
    with wanted, replacing(path):
        pass
    assert path.read_text() == "old"


def test_an_error_about_another_file_is_left_as_it_is(tmp_path):
    other = tmp_path / "other"
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a.txt"):
        other.read_text()
    assert caught.value.filename == str(other)


def test_two_files_of_one_folder_can_be_written_at_once(tmp_path):
    names = "a.txt", "a.json"
    with replacing(tmp_path / names[0]) as one, replacing(tmp_path / names[1]) as two:
        one.write_text(names[0])
        two.write_text(names[1])
    assert all((tmp_path / name).read_text() == name for name in names)


def test_it_is_written_in_the_files_own_folder_where_a_move_is_at_once(tmp_path):
    with replacing(tmp_path / "a.txt") as partial:
        assert partial.parent == tmp_path
        partial.write_text("new")
