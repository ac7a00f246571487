#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_probe
short_description: Send traffic through all tunnels of a host and measure what happens
version_added: 0.2.0
description:
  - Waits for the tunnels, then sends pings, packets as large as the tunnel carries, and TCP in both directions through all of them at once.
  - Looks meanwhile for packets of the tunnels that leave without encryption.
  - Measures and does not judge. A tunnel that does not work is no failure of the module; P(keymesh.ike.tunnel_results#filter) says what it means.
  - TCP needs a listener at the other end. O(state=listening) starts one in the background, that answers only the peers and ends by itself.
  - Needs the privilege to open raw sockets (root), but no commands on the target.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
attributes:
  check_mode:
    support: full
    details:
      - Sends nothing and starts nothing in check mode; RV(probes) is empty then.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - O(state=listening) starts a new listener each time.
options:
  state:
    description:
      - V(probed) sends traffic.
      - V(listening) starts a listener for the peers, V(silent) ends it.
    type: str
    choices: [probed, listening, silent]
    default: probed
  tunnels:
    description:
      - The tunnels of this host. O(state=listening) takes the addresses to listen at and the peers to answer from them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the connection.
        type: str
        required: true
      child:
        description: Name of the Child SA.
        type: str
        default: net
      source:
        description: Address of this host inside of its networks.
        type: str
        required: true
      target:
        description: Address of the peer inside of its networks.
        type: str
        required: true
      listens:
        description: Whether the peer has a listener.
        type: bool
        default: true
  timeout:
    description: How many seconds to wait for the tunnels.
    type: float
    default: 30
  patience:
    description: How many seconds to wait for an answer.
    type: float
    default: 3
  pings:
    description: How many pings to send through each tunnel.
    type: int
    default: 3
  mtu:
    description: Whether to send packets as large as the tunnel carries too.
    type: bool
    default: true
  port:
    description: TCP port of the listeners.
    type: int
    default: 7500
  lifetime:
    description: After how many seconds a listener ends that nobody has ended.
    type: float
    default: 600
seealso:
  - plugin: keymesh.ike.tunnel_results
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Listen, so that the peers can connect
  keymesh.ike.ike_probe:
    state: listening
    tunnels: &tunnels
      - name: branch--headquarters
        source: 10.1.0.1
        target: 10.2.0.1

- name: Send traffic
  keymesh.ike.ike_probe:
    tunnels: *tunnels
  register: probe

- name: Stop listening
  keymesh.ike.ike_probe:
    state: silent
"""

RETURN = r"""
probes:
  description: What happened in each tunnel, in the order of O(tunnels).
  type: list
  elements: dict
  returned: O(state=probed)
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    ping:
      description:
        - Pings C(sent) and C(received), and the average, fastest and slowest of them (C(milliseconds), C(fastest), C(slowest)).
        - V(none) if the tunnel is not up.
      type: dict
      sample: {sent: 3, received: 3, milliseconds: 1.2, fastest: 1.1, slowest: 1.4}
    mtu:
      description:
        - The C(size) of packets that the route into the tunnel carries, whether one of that size C(passed), and the C(largest) that did.
        - V(none) if no ping was answered.
      type: dict
      sample: {size: 1400, passed: true, largest: 1400}
    tcp:
      description:
        - C(result) is V(ok), V(refused) (nobody listens), V(no_answer), V(lost_to_peer) or V(lost_from_peer) (the connection is there, but
          full-size segments to or from the peer are lost).
        - C(milliseconds) is the time to connect, C(octets) what came back, C(error) why it could not be tried.
        - V(none) if the tunnel is not up or the peer has no listener.
      type: dict
      sample: {port: 7500, result: ok, milliseconds: 1.5, octets: 49152, error: ""}
    clear:
      description: Packets between the two addresses that left without encryption. V(none) if the host does not let us look.
      type: int
      sample: 0
    error:
      description: Why nothing could be sent. Empty if it could.
      type: str
      sample: ""
before:
  description: The SAs before, as RV(keymesh.ike.ike_sa_info#module:sas).
  type: list
  elements: dict
  returned: O(state=probed)
after:
  description: The SAs after it.
  type: list
  elements: dict
  returned: O(state=probed)
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._probe import Settings, probe
from ansible_collections.keymesh.ike.plugins.module_utils._probe_tcp import Listener
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError, ViciSession


def argument_spec() -> t.Dict[str, t.Any]:
    """The options."""
    return {
        "state": {"type": "str", "choices": ["probed", "listening", "silent"], "default": "probed"},
        "tunnels": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "child": {"type": "str", "default": "net"},
                "source": {"type": "str", "required": True},
                "target": {"type": "str", "required": True},
                "listens": {"type": "bool", "default": True},
            },
        },
        "timeout": {"type": "float", "default": 30},
        "patience": {"type": "float", "default": 3},
        "pings": {"type": "int", "default": 3},
        "mtu": {"type": "bool", "default": True},
        "port": {"type": "int", "default": 7500},
        "lifetime": {"type": "float", "default": 600},
        **socket_spec(),
    }


def listen(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Start a listener, or end it."""
    listener = Listener(module.params["port"])
    if module.params["state"] == "silent":
        return {"changed": listener.is_running() if module.check_mode else listener.stop()}
    tunnels = module.params["tunnels"]
    if tunnels and not module.check_mode:
        sources = sorted({tunnel["source"] for tunnel in tunnels})
        listener.start(sources, [tunnel["target"] for tunnel in tunnels], module.params["lifetime"])
    return {"changed": bool(tunnels)}


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    try:
        if options["state"] != "probed":
            module.exit_json(**listen(module))
        with ViciSession(options["socket"]) as session:
            tunnels = [] if module.check_mode else options["tunnels"]
            settings = Settings(
                options["timeout"], options["patience"], options["pings"], options["port"], options["mtu"]
            )
            module.exit_json(changed=False, **probe(session, tunnels, settings))
    except ViciError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"cannot listen for the peers: {error.strerror or error}")


if __name__ == "__main__":
    main()
