# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option that says where the daemon listens. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """For every module that talks to the daemon."""

    DOCUMENTATION = r"""
options:
  socket:
    description:
      - Unix socket on which the daemon on the target listens for VICI commands.
      - For strongSwan this usually is V(/run/charon.vici).
    type: path
    default: /run/ikeengine/ikeengine.vici
requirements:
  - A running ikeengine, or strongSwan 5.9 or newer with its vici plugin, on the target.
"""
