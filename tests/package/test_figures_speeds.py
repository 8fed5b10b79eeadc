"""The figures of times: a bar is as long as its median, a curve has its points."""

from lstm import figures

TIMES = {
    "slow": {"median": 4.0, "low": 3.0, "high": 5.0},
    "quick": {"median": 2.0, "low": 1.5, "high": 2.5},
}


def test_a_bar_is_as_long_as_the_median_and_its_whisker_spans_the_middle_half():
    fig = figures.speeds(TIMES, "ms", {"least": 1.0})
    (axis,) = fig.axes
    assert [bar.get_width() for bar in axis.patches] == [4.0, 2.0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["slow", "quick"]
    ends = [list(line.get_xdata()) for line in axis.lines]
    assert ends == [[3.0, 5.0], [1.5, 2.5], [1.0, 1.0]]
    low, high = axis.get_ylim()
    assert low > high  # the first on top


def test_growth_has_a_panel_for_each_size_and_a_curve_for_each_name():
    points = {"a": [(8, 1.0), (32, 4.0)], "b": [(8, 2.0), (32, 3.0)]}
    fig = figures.growth({"length": points, "batch": points}, "ms")
    assert [axis.get_xlabel() for axis in fig.axes] == ["length", "batch"]
    for axis in fig.axes:
        assert [list(line.get_ydata()) for line in axis.lines] == [[1, 4], [2, 3]]
        assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")


def test_the_pieces_of_a_bar_lie_end_to_end():
    fig = figures.shares({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 3.0, "y": 0.5}}, "ms")
    (axis,) = fig.axes
    pieces = [(bar.get_x(), bar.get_width(), bar.get_y()) for bar in axis.patches]
    assert [p[:2] for p in pieces] == [(0, 1), (1, 2), (0, 3), (3, 0.5)]
    assert pieces[0][2] == pieces[1][2] < pieces[2][2]
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.texts] == ["x", "y"]


def test_the_roof_rises_with_the_bytes_up_to_the_rate():
    fig = figures.roofline({"a": [(1, 2e9), (50, 6e9)]}, 8e9, 4e9)
    (axis,) = fig.axes
    roof, points = axis.lines
    xs, ys = roof.get_data()
    assert xs[1] == 2  # 8 over 4
    assert list(ys[1:]) == [8, 8]
    assert ys[0] == xs[0] * 4
    assert list(points.get_ydata()) == [2, 6]
