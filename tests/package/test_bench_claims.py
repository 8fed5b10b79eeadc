"""What the chapters say of the committed speeds. No reader's machine is asked."""

from lstm import bench


def test_chapter_6_with_onednn_the_lstm_leads_and_without_it_the_gru_of_equal_size():
    speeds = bench.committed()["tasks"]["gru"]["speeds"]
    with_onednn, gru_256, gru_298, ours, without_onednn = speeds.values()
    assert gru_256 < 0.8 * with_onednn
    assert gru_256 > 1.1 * without_onednn
    assert 0.8 < gru_298 / without_onednn < 1.2
    assert ours > 0.7 * gru_256  # our loop in Python against PyTorch's in C++


def test_chapter_2_the_scratch_code_runs_at_more_than_twice_the_notes_speed():
    assert (
        bench.committed()["tasks"]["text"]["speeds"]["scratch (the notes)"] > 2 * 17736
    )


def test_chapter_3_one_call_is_faster_than_the_scratch_loop():
    speeds = bench.committed()["tasks"]["text"]["speeds"]
    assert speeds["torch.nn.LSTM"] > 1.5 * speeds["scratch (the notes)"]


def test_chapter_4_two_directions_and_a_loop_in_python_each_take_about_twice_as_long():
    one, hand, both, hand_both = bench.committed()["tasks"]["rows"]["speeds"].values()
    for fast, slow in ((one, both), (one, hand), (hand, hand_both), (both, hand_both)):
        assert 1.7 < fast / slow < 2.5
