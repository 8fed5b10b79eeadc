"""The figure of several processes: each item has one, and the weights sum to one."""

from collections import Counter
from fractions import Fraction

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from lstm import figures
from lstm.figures import CYCLE


def drawn(shares):
    """The colours of the items, and what is written in the colour of each process."""
    axis = figures.processes(shares).axes[0]
    figures.plt.close("all")
    items = [p for p in axis.patches if type(p) is Rectangle]
    colors = Counter(to_hex(p.get_facecolor()) for p in items)
    written = {
        color: [t.get_text() for t in axis.texts if t.get_color() == color]
        for color in CYCLE[: len(shares)]
    }
    return colors, written


@pytest.mark.parametrize("shares", [(5, 3), (3, 2, 2), (4,)])
def test_every_item_has_the_colour_of_its_process_and_the_weights_sum_to_one(shares):
    colors, written = drawn(shares)
    assert [colors[c.lower()] for c in CYCLE[: len(shares)]] == list(shares)
    weights = []
    for rank, (share, texts) in enumerate(zip(shares, written.values(), strict=True)):
        name, weight, gradient = texts
        assert (name, gradient) == (f"rank {rank}", f"of its {share}")
        weights.append(Fraction(weight.removeprefix(r"$\times\,$")))
    assert sum(weights) == 1
    assert [w * sum(shares) for w in weights] == list(shares)


@pytest.mark.parametrize("shares", [(), (3, 0)])
def test_a_process_without_an_item_is_refused(shares):
    with pytest.raises(ValueError, match="each process needs an item"):
        figures.processes(shares)
