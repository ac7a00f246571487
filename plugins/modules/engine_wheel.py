#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: engine_wheel
short_description: Build the wheel of ikeengine on the controller
version_added: 0.1.0
description:
  - Makes an installable wheel from the source of ikeengine, which is part of this collection.
  - The same source always gives the same file, so its checksum says whether a host runs this code.
  - Building needs no tools and no network. This is an action plugin, nothing runs on the target.
  - The role P(keymesh.ike.engine#role) uses it. It is of little use elsewhere.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
attributes:
  check_mode:
    support: full
    details:
      - The wheel is built in check mode too, since it is only a cache on the controller.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  source:
    description:
      - Directory on the controller with C(pyproject.toml) and C(ikeengine/), or a wheel that was built before.
    type: path
    required: true
  directory:
    description:
      - Directory on the controller to keep wheels in. It is created if needed.
    type: path
    required: true
  depends_on:
    description:
      - What else decides whether an installation is the same, such as the Python of the target. It goes into RV(release).
    type: list
    elements: str
    default: []
  wheels:
    description:
      - Wheels on the controller to install with it, instead of what O(download_for) gets. Their names go into RV(release).
    type: list
    elements: path
    default: []
    version_added: 0.2.0
  download_for:
    description:
      - Also download the wheels of everything that ikeengine needs, for targets without access to PyPI.
      - The controller needs pip and access to PyPI for that, unless the wheels are there already.
    type: dict
    suboptions:
      python:
        description: Python version of the target, such as V(3.11).
        type: str
        required: true
      machine:
        description: Architecture of the target, such as V(x86_64).
        type: str
        required: true
      glibc:
        description: Version of glibc on the target, such as V(2.36). Empty if it uses musl.
        type: str
        default: ""
"""

EXAMPLES = r"""
- name: Build the wheel
  keymesh.ike.engine_wheel:
    source: "{{ role_path | dirname | dirname }}"
    directory: /var/tmp/wheels
  register: wheel
"""

RETURN = r"""
path:
  description: The wheel on the controller.
  type: str
  returned: success
  sample: /var/tmp/wheels/1f6b2f0f83c1/ikeengine-0.1.0-py3-none-any.whl
sha256:
  description: Checksum of the wheel.
  type: str
  returned: success
  sample: 1f6b2f0f83c1d1e0c7f2a6b1b8a6d6a2c5a7d3e9f0b1c2d3e4f5a6b7c8d9e0f1
release:
  description: Twelve hexadecimal digits that name an installation of this wheel under the conditions O(depends_on).
  type: str
  returned: success
  sample: 9c1d7e0b52aa
version:
  description: Version of ikeengine.
  type: str
  returned: success
  sample: 0.1.0
requires_python:
  description: Versions of Python that it runs with.
  type: str
  returned: success
  sample: ">=3.11"
bundle:
  description: An archive (tar) on the controller with the wheel and all others that are installed with it.
  type: str
  returned: success
  sample: /var/tmp/wheels/9c1d7e0b52aa.tar
  version_added: 0.2.0
wheels:
  description: The wheels to install with it, given or downloaded. Empty without O(wheels) and O(download_for).
  type: list
  elements: str
  returned: success
  sample: [/var/tmp/wheels/wheels-0c1b2d3e4f5a/PyYAML-6.0.3-cp311-cp311-manylinux2014_x86_64.whl]
requirements:
  description: What it needs from PyPI.
  type: list
  elements: str
  returned: success
  sample: ["PyYAML>=6,<7"]
"""
