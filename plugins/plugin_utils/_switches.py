# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are on or off, in all the words that ikeengine takes. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

_ON = ("yes", "true", "enabled", "on", "1")
_OFF = ("no", "false", "disabled", "off", "0")


def is_on(value: t.Any) -> bool:
    """Whether an option is switched on."""
    return str(value).lower() in _ON


def is_off(value: t.Any) -> bool:
    """Whether an option is switched off."""
    return str(value).lower() in _OFF
