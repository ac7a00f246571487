# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes that the modules declare. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes, and what is the same for all modules of the action group."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the peer and the network behave the same both times.
"""

    ACTIONGROUP_IKE = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/keymesh.ike.ike) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - keymesh.ike.ike
"""

    PLATFORM_LINUX = r"""
options: {}
attributes:
  platform:
    description: Target OS or OS family that can be operated against.
    support: full
    platforms: linux
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""
