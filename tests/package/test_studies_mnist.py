"""The study of MNIST by rows: its points, its functions, and chapter 8's claims."""

import statistics

import pytest
import torch

from lstm import studies
from lstm.data import Images
from lstm.layers import LSTM
from lstm.studies import mnist


def small():
    """Images of 4 rows of 4 pixels, two to a digit: 20 to train, 20 to test."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(20, 4, 4, generator=generator), torch.arange(20) % 10
    return Images("small", x, y, x, y)


@pytest.mark.parametrize("reading", mnist.READINGS)
def test_a_point_returns_its_measures_and_a_seed_fixes_all_but_the_time(
    monkeypatch, reading
):
    monkeypatch.setattr(mnist, "UNITS", 5)

    def at(seed):
        found = mnist.measure(reading, "one-cycle", 2, 1e-2, seed, images=small())
        assert found.pop("seconds") >= 0
        return found

    found = at(seed=0)
    assert set(found) == {"accuracy", "loss", "training"}
    assert 0 <= found["accuracy"] <= 1
    assert 2 < found["loss"] < 3 > found["training"] > 2
    assert at(seed=0) == found
    assert at(seed=1) != found


def test_the_notes_settings_are_two_layers_of_128_units_and_adam_at_a_constant_rate():
    model = mnist.make(seed=0)
    sizes = model.layer.input_size, model.layer.hidden_size, model.layer.num_layers
    assert (*sizes, mnist.BATCH) == (28, 128, 2, 100)
    assert mnist.NOTES == {"schedule": "constant", "epochs": 2, "lr": 0.01}
    history = mnist.train(
        mnist.make(0, pixels=4), small().train_x, small().train_y, **mnist.NOTES
    )
    assert history.column("lr") == [0.01] * 2  # a minibatch to a pass


def test_ours_and_torchs_layer_begin_alike_and_only_both_directions_has_two():
    one, two = (mnist.make(3, kind=kind) for kind in (torch.nn.LSTM, LSTM))
    assert type(one.layer) is not type(two.layer)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    both = {r: mnist.make(0, r).layer.bidirectional for r in mnist.READINGS}
    assert [reading for reading, two in both.items() if two] == ["both directions"]


def test_columns_are_the_transposed_image_and_rows_the_image():
    x = small().train_x
    for reading in ("rows", "both directions"):
        assert torch.equal(mnist.read(x, reading), x)
    assert torch.equal(mnist.read(x, "columns")[5, 2], x[5, :, 2])


def test_permuted_pixels_are_the_same_ones_moved_alike_in_every_image():
    x = torch.arange(12.0).view(1, 3, 4) + torch.tensor([0.0, 100.0]).view(2, 1, 1)
    moved = mnist.read(x, "permuted pixels")
    assert moved.shape == x.shape
    assert torch.equal(moved[1], moved[0] + 100)
    assert torch.equal(moved[0].flatten().sort().values, x[0].flatten())
    assert not torch.equal(moved, x)
    assert torch.equal(mnist.read(x[:1], "permuted pixels"), moved[:1])


def test_the_first_seed_of_everything_is_measured_first_and_the_notes_before_all():
    points = mnist.points()
    seeds = [point["seed"] for point in points]
    assert seeds == sorted(seeds)
    assert points[0] == {"reading": "rows", **mnist.NOTES, "seed": 0}


# what is committed, and what chapter 8 says of it


def accuracies(**wanted):
    rows = studies.select(studies.load("mnist"), **wanted)
    return [row["accuracy"] for row in rows]


def by_rows(schedule, epochs, lr):
    return accuracies(reading="rows", schedule=schedule, epochs=epochs, lr=lr)


def best_of(reading):
    """A reading's accuracies at the rate at which their mean is best."""
    at = {"reading": reading, "schedule": "one-cycle", "epochs": 2}
    found = [accuracies(**at, lr=lr) for lr in mnist.RATES]
    return max(found, key=statistics.mean)


def test_the_committed_file_holds_every_point():
    names = list(mnist.points()[0])
    kept = [{name: row[name] for name in names} for row in studies.load("mnist")]
    assert kept == mnist.points()


def test_the_notes_accuracy_is_a_draw_like_ours():
    ours = accuracies(reading="rows", **mnist.NOTES)
    assert abs(statistics.mean(ours) - mnist.REPORTED) < 0.005
    assert len(set(ours)) == len(mnist.SEEDS)


def test_at_equal_updates_the_schedule_alone_beats_the_notes_by_a_clear_margin():
    notes, schedule = (by_rows(name, 2, 0.01) for name in ("constant", "one-cycle"))
    spread = max(max(v) - min(v) for v in (notes, schedule))
    assert statistics.mean(schedule) - statistics.mean(notes) > 2 * spread
    assert min(schedule) > mnist.REPORTED + 0.005
    assert min(schedule) >= 0.985


def test_a_lower_constant_rate_gains_little():
    notes, lower = (by_rows("constant", 2, lr) for lr in (0.01, 0.002))
    schedule = by_rows("one-cycle", 2, 0.01)
    gained = statistics.mean(lower) - statistics.mean(notes)
    assert gained < (statistics.mean(schedule) - statistics.mean(notes)) / 2
    assert max(lower) < min(schedule)


def test_six_passes_gain_once_more_at_every_seed():
    two, six = (by_rows("one-cycle", passes, 0.01) for passes in (2, 6))
    assert min(six) > max(two)
    fewer = (1 - statistics.mean(six)) / (1 - statistics.mean(two))
    assert fewer < 0.75  # more than a quarter of the mistakes go


def test_columns_are_read_a_little_worse_than_rows():
    rows, columns = best_of("rows"), best_of("columns")
    assert 0 < statistics.mean(rows) - statistics.mean(columns) < 0.01


def test_a_second_direction_brings_hardly_anything():
    one, two = best_of("rows"), best_of("both directions")
    assert abs(statistics.mean(one) - statistics.mean(two)) < 0.003


def test_permuted_pixels_are_read_worst_by_far_at_every_seed_and_still_read():
    permuted = best_of("permuted pixels")
    for reading in mnist.READINGS[:3]:
        assert max(permuted) < min(best_of(reading)) - 0.01
    assert min(permuted) > 0.9
