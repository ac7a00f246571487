from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeengine.config.durations import (
    LARGEST,
    LONGEST,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("30m", 1800), ("20s", 20), ("14400", 14400), ("1d", 86400), ("0", 0), ("1.5h", 5400),
     ("4.25", 4.25), ("2 H", 7200), (" 3M ", 180)],
)  # fmt: skip
def test_durations_are_read_like_swanctl_does(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1", "1w", "1h30m", "1e3", "one", "1,5s", "\u0661s", "0x10"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_duration(text)


def test_a_duration_beyond_a_century_is_a_typing_error() -> None:
    with pytest.raises(ValueError, match="100 years"):
        parse_duration("9" * 400)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (3600.0, "1h"), (5400.0, "90m"), (86400.0, "1d"), (3960.0, "66m"), (7.0, "7s"), (1.5, "1.5s")],
)
def test_durations_are_written_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=LONGEST, allow_subnormal=False))
def test_durations_round_trip(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=LONGEST))
def test_whole_durations_round_trip(seconds: int) -> None:
    assert parse_duration(format_duration(float(seconds))) == seconds


@pytest.mark.parametrize(("text", "size"), [("1000", 1000), ("1k", 1024), ("5M", 5 << 20), ("2 g", 2 << 30), ("0", 0)])
def test_volumes_are_read_like_swanctl_does(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "1.5g", "-1", "1t", "1kb"])
def test_what_is_no_volume_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a volume"):
        parse_size(text)


def test_a_volume_fits_into_64_bits() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        parse_size("99999999999999999999")


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=LARGEST))
def test_volumes_round_trip(size: int) -> None:
    assert parse_size(format_size(size)) == size
