# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations in swanctl's notation. Private to the collection."""

from __future__ import annotations

import re

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """C(90), C(90s), C(15m), C(4h) or C(2d) in seconds. Raises ValueError for anything else."""
    match = re.fullmatch(r"\s*([0-9]+)\s*([smhd]?)\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number with s, m, h or d, such as 90s or 4h")
    return int(match.group(1)) * _UNITS[match.group(2)]
