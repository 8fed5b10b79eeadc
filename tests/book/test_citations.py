"""The bibliography calls a paper what the text calls it."""

import re

import citations
import links


def labels():
    entries = [*links.entries().values()]
    return citations.Style().label_style.format_labels(entries)


def test_every_label_is_a_name_by_which_the_text_links_to_the_paper():
    patterns = {target: pattern for pattern, target in links.papers()}
    for key, label in zip(links.entries(), labels(), strict=True):
        assert patterns[f"{links.BIBLIOGRAPHY}#cite-{key}"].fullmatch(label), label


def test_no_two_papers_have_one_label():
    found = [*labels()]
    assert len(set(found)) == len(found) >= 40
    assert all(re.fullmatch(r"\D+ \(\d{4}\)", label) for label in found)


def test_names_are_whole_with_their_accents_and_particles():
    assert {
        "Hochreiter and Schmidhuber (1997)",
        "Gers et al. (2000)",
        "Elman (1990)",
        "Goto and van de Geijn (2008)",
        "Beck et al. (2024)",
    } <= set(labels())
