"""The text: which one, how it is cleaned, numbered, cut into windows and masked."""

import hashlib

import pytest
import torch

from lstm.data import (
    DataError,
    DataNotFoundError,
    Source,
    Vocab,
    clean,
    find_text,
    load_text,
    mask,
    read_text,
    recited,
    text,
    windows,
)

# which


def test_without_a_name_the_embedded_text_stands_in_and_it_says_so_once(
    offline, capsys
):
    assert load_text() == load_text() == load_text("embedded")
    assert capsys.readouterr().out.count("Using the embedded short story") == 1


def test_another_LSTM_DATA_is_looked_into_anew(offline, monkeypatch, tmp_path_factory):
    assert find_text() == text.EMBEDDED
    path = tmp_path_factory.mktemp("data") / "timemachine.txt"
    path.write_bytes(b"a b")
    right = hashlib.sha256(b"a b").hexdigest()
    wells = Source(path.name, (), "md5:0", right)
    monkeypatch.setattr(text, "TIME_MACHINE", wells)
    monkeypatch.setenv("LSTM_DATA", str(path.parent))
    assert find_text() == path


def test_by_name_nothing_falls_back(offline):
    with pytest.raises(DataNotFoundError, match="Three ways to provide it"):
        load_text("time-machine")


def test_an_unknown_name_is_answered_with_the_known():
    known = "time-machine, embedded"
    with pytest.raises(ValueError, match=f"'war-and-peace': expected one of {known}"):
        load_text("war-and-peace")


def test_the_embedded_text_is_long_enough_uses_all_letters_and_has_its_hero():
    words = load_text("embedded")
    assert sum(c.isalpha() for c in words) >= 12_000
    assert set(words) == set("abcdefghijklmnopqrstuvwxyz ")
    assert words.count("time traveller") >= 20
    assert len(Vocab(words)) == 28


def test_the_real_text_if_it_is_here():
    try:
        words = load_text("time-machine")
    except DataNotFoundError as error:
        pytest.skip(f"no Time Machine here: {str(error)[:60]}")
    assert words.startswith("the time machine by h g wells")
    assert len(Vocab(words)) == 28


# letters


def test_clean_keeps_letters_and_single_spaces():
    line = "  The Time--Traveller (for so it) 1895!\n"
    assert clean(line) == "the time traveller for so it"


def test_lines_are_joined_by_a_space_and_empty_ones_left_out(monkeypatch, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("One,\n\n--\nTwo\n", encoding="ascii")
    monkeypatch.setattr(text, "find_text", lambda name: path)
    assert load_text() == "one two"


# numbers


def test_vocab_goes_by_frequency_and_back():
    vocab = Vocab("banana")
    assert vocab.symbols == ["<unk>", "a", "n", "b"]
    assert len(vocab) == 4
    assert vocab.encode("nab").tolist() == [2, 1, 3]
    assert vocab.decode([2, 1, 3]) == "nab"
    assert vocab.decode([0]) == "<unk>"


def test_symbols_as_frequent_as_each_other_go_by_the_alphabet():
    assert Vocab("bca").symbols == ["<unk>", "a", "b", "c"]


def test_an_empty_text_is_a_tensor_of_indices_too():
    assert Vocab("a").encode("").dtype == torch.int64


def test_a_symbol_outside_the_vocabulary_is_named_with_its_place():
    wrong = "'é' at position 3 of 'café' is not in the vocabulary, which holds ' acf'"
    with pytest.raises(ValueError, match=wrong):
        Vocab("a cf").encode("café")


# windows


def test_windows_are_disjoint_and_their_targets_come_next():
    inputs, targets = windows(torch.arange(11), 3)
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert torch.equal(targets, inputs + 1)


def test_the_last_symbol_may_be_a_target_and_is_no_input():
    _, targets = windows(torch.arange(10), 3)
    assert targets[-1].tolist() == [7, 8, 9]
    assert windows(torch.arange(9), 3)[1][-1].tolist() == [4, 5, 6]


def test_a_text_too_short_for_a_window_is_refused():
    with pytest.raises(ValueError, match="at least 1 symbol, got 0"):
        windows(torch.arange(3), 0)
    wrong = "a text of 3 symbols is too short for one window of 3"
    with pytest.raises(ValueError, match=wrong):
        windows(torch.arange(3), 3)
    assert len(windows(torch.arange(4), 3)[0]) == 1


# masks


def test_mask_hides_what_it_asks_for_and_nothing_else():
    sequences = torch.randint(1, 28, (50, 40))
    before = sequences.clone()
    inputs, targets = mask(sequences, 0.15)
    assert torch.equal(sequences, before)
    hidden = inputs == 0
    assert 0.12 < hidden.double().mean() < 0.18
    assert torch.equal(targets[hidden], sequences[hidden])
    assert (targets[~hidden] == -100).all()
    assert torch.equal(inputs[~hidden], sequences[~hidden])


def test_a_generator_decides_what_is_hidden():
    sequences = torch.ones(50, 40, dtype=torch.int64)
    seeds = (0, 0, 1)
    first, again, other = (
        mask(sequences, 0.5, torch.Generator().manual_seed(seed))[0] for seed in seeds
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_at_rate_0_nothing_is_hidden_at_rate_1_all_and_ignore_marks_the_rest():
    sequences = torch.ones(50, 40, dtype=torch.int64)
    inputs, targets = mask(sequences, 0.0, ignore=-7)
    assert (inputs == 1).all()
    assert (targets == -7).all()
    inputs, targets = mask(sequences, 1.0)
    assert (inputs == 0).all()
    assert (targets == 1).all()


def test_masked_sequences_stay_on_their_device():
    sequences = torch.ones(2, 3, dtype=torch.int64, device="meta")
    assert {t.device.type for t in mask(sequences, 0.5)} == {"meta"}


# anybody's text


def test_a_file_is_read_as_it_stands(tmp_path):
    text = "Über\n 'Uhren'!\n\n\tund Zeit… 時計\n"
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "t.txt").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert read_text(tmp_path / "t.txt") == text


NO_TEXTS = [
    (b"", "is empty"),
    (b" \n\t", "is empty"),
    (b"a\xff\xfe", "is not a text in UTF-8: byte 0xff at position 1"),
    (b"ab\x00c", "is not a text: it holds zero bytes"),
]


@pytest.mark.parametrize(("content", "message"), NO_TEXTS)
def test_a_file_that_is_no_text_is_named(tmp_path, content, message):
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"t\.txt {message}"):
        read_text(tmp_path / "t.txt")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*none\.txt: No such file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot read"):
        read_text(tmp_path)


def test_an_unknown_symbol_may_count_as_unknown():
    vocab = Vocab("abba")
    assert vocab.encode("axb", unknown=True).tolist() == [1, 0, 2]


def test_a_vocabulary_is_made_of_its_symbols_again():
    vocab = Vocab("time and again")
    again = Vocab.of(vocab.symbols[1:])
    assert again.symbols == vocab.symbols
    assert torch.equal(again.encode("again"), vocab.encode("again"))


def test_what_stands_word_for_word_in_a_source_is_recited_in_pieces():
    marks = recited("the sun. a sun set", "look, the sun set", 5)
    assert "".join("x" if mark else "." for mark in marks) == "xxxxxxx...xxxxxxxx"
    assert recited("sun", "the sun", 4) == [False] * 3
    assert recited("", "the sun", 4) == []


def test_a_piece_recited_holds_a_symbol_at_least():
    with pytest.raises(ValueError, match="at least 1 symbol, got 0"):
        recited("sun", "the sun", 0)
