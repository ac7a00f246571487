# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules have in common. Private to the collection; the documentation is in the fragment C(_socket)."""

from __future__ import annotations

import typing as t

DEFAULT_SOCKET = "/run/ikeengine/ikeengine.vici"


def socket_spec() -> t.Dict[str, t.Any]:
    """The option that says where the daemon listens."""
    return {"socket": {"type": "path", "default": DEFAULT_SOCKET}}
