#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_lint
short_description: Check both ends of every tunnel of the inventory before anything is changed
version_added: 0.2.0
description:
  - Computes what both ends of every pair would be configured with, and compares them. Runs on the controller, connects to no host, and changes nothing.
  - The ends are computed from the variables C(ike_*), and from the options that a host can have of its own, such as C(tunnels_connection_options).
    Variables of the roles must be in the inventory, in the play, or on the command line, to be seen.
  - The playbooks of this collection run it first. Run it once (C(run_once)), because it looks at all hosts.
  - The rules demand the following.
  - V(inventory) - the variables of hosts and meshes can become tunnels.
  - V(setting-unreadable) - the variables of the roles can be read, so templates are defined, and vaults are open.
  - V(setting-invalid) - the variables of the roles have the types and the values that the roles want.
  - V(identity-duplicate) - no two hosts that somebody must tell apart have the same identity.
  - V(subnets-overlap) - no two hosts have the same network behind them.
  - V(option-invalid) - durations and numbers in the options of connections and Child SAs can be read.
  - V(proposal-syntax) - proposals in options have only words that ikeengine knows, in combinations that make sense.
  - V(ike-proposal-mismatch) - both ends have an IKE proposal in common.
  - V(esp-proposal-mismatch) - both ends have an ESP proposal in common.
  - V(pfs-mismatch) - both ends want the same key exchange when a Child SA is rekeyed, or both none.
  - V(pfs-missing) - Child SAs are rekeyed with a key exchange of their own (perfect forward secrecy).
  - V(weak-algorithm) - nothing weak is offered unless the mesh says allow_weak.
  - V(weak-allowed) - a mesh has no weak algorithms, allowed or not.
  - V(selectors-mirror) - what is local at one end is remote at the other.
  - V(identity-mismatch) - each end expects the identity that the other one has.
  - V(auth-mismatch) - each end authenticates as the other one demands.
  - V(version-mismatch) - both ends speak the same IKE version.
  - V(ikev1) - hosts that are ours speak IKEv2 with each other.
  - V(ikev1-proposal) - with IKEv1, proposals have only what IKEv1 knows.
  - V(aggressive-psk) - pre-shared keys are not used in Aggressive Mode of IKEv1.
  - V(mode-mismatch) - both ends have the same IPsec mode.
  - V(lifetime-order) - Child SAs are rekeyed before they end.
  - V(lifetime-expiry) - no end lets a Child SA end before any of them rekeys it.
  - V(lifetime-ike) - IKE SAs live at least as long as their Child SAs.
  - V(lifetime-short) - SAs are not rekeyed all the time.
  - V(lifetime-long) - SAs do not live longer than NIST SP 800-77 recommends (IKE SAs a day, Child SAs eight hours).
  - V(nobody-starts) - one end starts the tunnel, or packets do.
  - V(dpd-off) - one end at least notices when the other one is gone.
  - V(fragmentation) - large IKE messages can get through.
  - V(mtu) - both ends send packets of the same size, and IPv6 fits.
  - V(secret-differs) - both ends get the same pre-shared key.
  - V(secret-weak) - pre-shared keys of your own cannot be guessed.
  - V(secret-shared) - no two tunnels have the same pre-shared key.
  - V(certificate-expiry) - certificates and CRLs are valid long enough, those on the controller and those that the gateways use.
  - V(certificate-settings) - certificates are renewed before they end, and do not outlive their authority.
  - V(certificate-missing) - a gateway that needs a certificate has one.
  - V(certificate-key) - a gateway has the private key of its certificate.
  - V(certificate-identity) - the certificate of a gateway is for its identity.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
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
options:
  hosts:
    description:
      - Hosts whose meshes are checked, with all other members of these meshes. C(--limit) does not make them fewer.
        By default those of the play.
    type: list
    elements: str
  group:
    description:
      - Group whose members are all connected with each other, for hosts that have neither C(ike_meshes) nor C(ike_group).
    type: str
    default: gateways
  policy:
    description:
      - V(default) warns of Child SAs without perfect forward secrecy and of tunnels without dead peer detection, refuses weak algorithms that the mesh does
        not allow and secrets of fewer than 16 octets, and warns two weeks before a certificate expires.
      - V(strict) refuses these, weak algorithms that are allowed, and secrets of fewer than 32 octets, and warns of long lifetimes, and a month before a
        certificate expires.
      - V(lenient) only warns of weak algorithms, accepts secrets of 8 octets, and warns a week before a certificate expires.
    type: str
    choices:
      - default
      - strict
      - lenient
    default: default
  ignore:
    description:
      - Names of rules that do not matter.
    type: list
    elements: str
    default: []
  certificates:
    description:
      - What M(keymesh.ike.ike_cert_info) returns as C(certificates) on each host, by the name of the host, or an empty text for a host where it failed.
      - Without it, only certificates on the controller are looked at.
    type: dict
    default: {}
  fail_on:
    description:
      - Fail if there is a finding that is at least that severe.
    type: str
    choices:
      - error
      - warning
      - info
      - never
    default: error
seealso:
  - plugin: keymesh.ike.lint
    plugin_type: filter
  - plugin: keymesh.ike.agreeing
    plugin_type: test
"""

EXAMPLES = r"""
- name: Stop unless both ends of all tunnels agree
  keymesh.ike.ike_lint:
  run_once: true

- name: Look at everything, stop at nothing
  keymesh.ike.ike_lint:
    policy: strict
    ignore: [lifetime-long]
    fail_on: never
  run_once: true
  register: lint
"""

RETURN = r"""
findings:
  description: What was found, the worst first.
  type: list
  elements: dict
  returned: always
  contains:
    severity:
      description: V(error) if a tunnel would not work or be insecure, V(warning) if it may not, V(info) otherwise.
      type: str
      sample: error
    rule:
      description: Name of the rule, for O(ignore).
      type: str
      sample: ike-proposal-mismatch
    hosts:
      description: The hosts that this is about.
      type: list
      elements: str
      sample: [gw1, gw2, gw3]
    tunnels:
      description: How many tunnels this is about, V(0) if it is not about tunnels.
      type: int
      sample: 2
    variable:
      description: The variable, or more than one, where the cause is. Empty if there is none.
      type: str
      sample: ike_proposal, tunnels_connection_options.proposals
    message:
      description: What is wrong. Secrets are never part of it.
      type: str
      sample: >-
        no IKE proposal in common: aes256gcm16-prfsha384-x25519 at gw1, gw2, but aes256-sha256-ecp256 at gw3; the nearest are
        aes256gcm16-prfsha384-x25519 and aes256-sha256-ecp256, which differ in PRF and encryption and integrity and key exchange
    remedy:
      description: What to do.
      type: str
      sample: set ike_proposal for the whole mesh, and remove what overrides it for one host
counts:
  description: How many findings there are of each severity.
  type: dict
  returned: always
  sample: {error: 1, warning: 0, info: 0}
hosts:
  description: How many hosts were looked at.
  type: int
  returned: always
  sample: 3
tunnels:
  description: How many tunnels were looked at, each with both ends. V(0) if the inventory cannot become tunnels.
  type: int
  returned: always
  sample: 3
"""
