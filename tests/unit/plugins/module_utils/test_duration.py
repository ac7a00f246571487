# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils._duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("4h", 14400), (" 2d ", 172800), ("1 h", 3600)]
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "h", "-1", "1.5h", "1w", "1h30m", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)
