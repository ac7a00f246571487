from hypothesis import given
from hypothesis import strategies as st

from ikeengine.datapath.userspace.replay import SMALLEST_WINDOW, ReplayWindow

LOW = 0xFFFFFFFF


class Model:
    """The obvious window: a set of all numbers ever seen."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.top = 0
        self.seen: set[int] = set()

    def is_fresh(self, sequence: int) -> bool:
        return sequence > 0 and sequence not in self.seen and sequence > self.top - self.size

    def accept(self, sequence: int) -> None:
        self.seen.add(sequence)
        self.top = max(self.top, sequence)


near = st.integers(0, 400)
far = st.one_of(near, st.integers(0, 1 << 40), st.sampled_from([LOW, LOW + 1, (1 << 64) - 1]))


@given(st.sampled_from([64, 65, 128, 1000]), st.lists(far, max_size=200))
def test_it_decides_as_the_model(size, sequences):
    window, model = ReplayWindow(size), Model(size)
    for sequence in sequences:
        assert window.is_fresh(sequence) == model.is_fresh(sequence)
        if window.is_fresh(sequence):
            window.accept(sequence)
            model.accept(sequence)


@given(st.lists(near, max_size=200))
def test_no_number_is_fresh_twice(sequences):
    window = ReplayWindow(64)
    accepted = []
    for sequence in sequences:
        if window.is_fresh(sequence):
            window.accept(sequence)
            accepted.append(sequence)
    assert len(accepted) == len(set(accepted))


def test_small_windows_are_widened():
    assert ReplayWindow(1).size == SMALLEST_WINDOW
    assert ReplayWindow(32).size == SMALLEST_WINDOW
    assert ReplayWindow(500).size == 500


def test_the_oldest_number_inside_the_window():
    window = ReplayWindow(64)
    window.accept(100)
    assert window.is_fresh(37)
    assert not window.is_fresh(36)


def test_a_jump_beyond_the_window_forgets_everything_before():
    window = ReplayWindow(64)
    window.accept(1)
    window.accept(1000)
    assert window.seen == 1
    assert not window.is_fresh(1)
    assert not window.is_fresh(1000)
    assert window.is_fresh(999)


def test_zero_is_no_sequence_number():
    assert not ReplayWindow(64).is_fresh(0)


def test_size_zero_switches_it_off():
    window = ReplayWindow(0)
    for sequence in (5, 5, 1, 0, 5):
        assert window.is_fresh(sequence)
        window.accept(sequence)
    assert window.top == 5
    assert not window.is_fresh(-1)


@given(st.integers(64, 1 << 63), st.integers(-63, 1 << 31))
def test_extended_numbers_are_inferred(top, distance):
    """RFC 4303 appendix A2.2: whatever arrives within the window or up to 2**31 ahead of it gets its full number."""
    window = ReplayWindow(64)
    window.accept(top)
    sent = top + distance
    assert window.extend(sent & LOW) == sent


@given(st.integers(0, 62), st.integers(1, 62))
def test_numbers_before_the_first_packet_are_negative(top, distance):
    window = ReplayWindow(64)
    if top:
        window.accept(top)
    sequence = window.extend((top - 63 + distance if top - 63 + distance < 0 else -1) & LOW)
    assert sequence < 0
    assert not window.is_fresh(sequence)


def test_numbers_after_the_last_one_do_not_exist():
    window = ReplayWindow(64)
    window.accept((1 << 64) - 1)
    assert window.extend(5) == -1


def test_the_inference_works_without_a_window():
    window = ReplayWindow(0)
    window.accept(LOW)
    assert window.extend(3) == LOW + 4
