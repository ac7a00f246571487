# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification found, from what was measured. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD
from ansible_collections.keymesh.ike.plugins.plugin_utils._report_suites import follows

Data = t.Dict[str, t.Any]

_UP = ("INSTALLED", "REKEYING")
_IKE_UP = ("ESTABLISHED", "REKEYING")
_OF_IKE = (
    "unique_id state version initiator local_host remote_host local_id remote_id initiator_spi responder_spi nat "
    "proposal age rekey_in"
).split()
_OF_CHILD = (
    "unique_id state mode protocol encap esn spi_in spi_out proposal bytes_in packets_in bytes_out packets_out age "
    "rekey_in local_ts remote_ts"
).split()


def tunnel_results(tunnels: t.Sequence[Data], probe: t.Mapping[str, t.Any]) -> t.List[Data]:
    """One judgement for each tunnel of a host, from the host to its peer.

    C(probe) is the result of the module ike_probe. If the module has failed, its message is the problem of all.
    """
    probes = {one["name"]: one for one in probe.get("probes", [])}
    broken = "" if "probes" in probe else str(probe.get("msg") or "the tunnels were not probed")
    return [_judge(tunnel, probe, probes.get(tunnel["name"], {}), broken) for tunnel in tunnels]


def _judge(tunnel: Data, probe: t.Mapping[str, t.Any], found: Data, broken: str) -> Data:
    name, after = tunnel["name"], probe.get("after", [])
    parents = [sa for sa in after if sa["name"] == name]
    children = [child for sa in parents for child in sa["children"] if child["name"] == CHILD and child["state"] in _UP]
    ping = found.get("ping") or {}
    result: Data = {
        "name": name,
        "mesh": tunnel.get("mesh", ""),
        "from": tunnel["local"]["host"],
        "peer": tunnel["peer"],
        "peer_managed": tunnel.get("peer_managed", True),
        "source": tunnel["local"]["probe_address"],
        "target": tunnel["remote"]["probe_address"],
        "established": bool(children),
        "sent": ping.get("sent", 0),
        "received": ping.get("received", 0),
        "milliseconds": ping.get("milliseconds"),
        "mtu": found.get("mtu"),
        "tcp": found.get("tcp"),
        "clear": found.get("clear"),
        "packets_in_tunnel": _packets_between(name, "packets_in", probe),
        "packets_out_tunnel": _packets_between(name, "packets_out", probe),
        "ike": _only(_OF_IKE, [sa for sa in parents if sa["state"] in _IKE_UP] or parents),
        "child": _only(_OF_CHILD, children),
        "proposal": {kind: list(tunnel["proposal"][kind]) for kind in ("ike", "esp")},
    }
    problem, advice = _problem(result, found.get("error", ""), broken)
    return dict(result, ok=not problem, problem=problem and f"{name}: {problem}", advice=advice)


def _only(keys: t.Sequence[str], sas: t.Sequence[Data]) -> t.Optional[Data]:
    """What a report says of the youngest SA."""
    return {key: sas[-1].get(key) for key in keys} if sas else None


Finding = t.Tuple[str, str]


def _problem(result: Data, error: str, broken: str) -> Finding:
    """What is wrong, in one sentence, and what to do. Empty if nothing is. The first finding explains the others."""
    if broken:
        return broken, f"See whether the daemon of {result['from']} runs: systemctl status ikeengine."
    if not result["established"]:
        return _down(result)
    if error:
        return f"no traffic can be sent: {error}", (
            f"{result['source']} must be an address of {result['from']}; set ike_probe_address to one that is."
        )
    for check in (_pings, _encryption, _mtu, _tcp):
        finding = check(result)
        if finding[0]:
            return finding
    return "", ""


def _down(result: Data) -> Finding:
    if result["ike"]:
        return "there is no Child SA", (
            "IKE works, the peer refuses the Child SA: compare ike_subnets and the ESP proposals of both ends, and run "
            f"ikeengine explain {result['name']} on {result['from']}."
        )
    return "there is no Child SA, and no IKE SA", (
        f"Run ikeengine explain {result['name']} on {result['from']} and on {result['peer']}: it says why the last "
        "attempt failed. Often UDP ports 500 and 4500 are filtered on the way."
    )


def _pings(result: Data) -> Finding:
    target, sent, received = result["target"], result["sent"], result["received"]
    if sent == 0:
        return "no ping was sent", "See the log of the play."
    if received == 0:
        if result["packets_in_tunnel"]:
            advice = f"Packets come in through the tunnel, so look at the firewall and the routes of {result['from']}."
        elif not result["packets_out_tunnel"]:
            advice = f"Nothing goes into the tunnel: look at the routes and policies of {result['from']}."
        else:
            advice = (
                f"They leave through the tunnel: see whether {result['peer']} has the address {target} and answers "
                "pings, and whether ESP or UDP port 4500 is filtered on the way."
            )
        return f"no answer from {target} to {sent} pings", advice
    if received < sent:
        return f"only {received} of {sent} pings to {target} were answered", (
            "The path loses packets, or the tunnel came up or was rekeyed at this moment. Run it again, then look at the path."
        )
    return "", ""


def _encryption(result: Data) -> Finding:
    target = result["target"]
    if result["clear"]:
        return f"{result['clear']} packets to {target} left without encryption", (
            f"A route or a policy of {result['from']} lets them pass the tunnel by. Take it away, and use start_action: trap."
        )
    if result["packets_in_tunnel"] == 0:
        return f"{target} answers, but not through the tunnel", (
            "There is another way to the peer's network. The traffic is not protected on it."
        )
    for kind, sa in (("ike", result["ike"]), ("esp", result["child"])):
        if sa and not follows(sa["proposal"], result["proposal"][kind]):
            return (
                f"{sa['proposal']} is in use, which is not in the proposal {', '.join(result['proposal'][kind])}",
                f"The SA is older than the setting: rekey it with the playbook keymesh.ike.rekey (ike_max_age=0) or restart {result['name']}.",
            )
    return "", ""


def _mtu(result: Data) -> Finding:
    mtu = result["mtu"]
    if not mtu or mtu["passed"]:
        return "", ""
    fits = f"packets of {mtu['largest']} do" if mtu["largest"] else "no smaller size was found that does"
    return f"MTU black hole: packets of {mtu['size']} octets to {result['target']} get lost, {fits}", (
        "Something on the way drops large packets and says nothing. Lower the MTU of the tunnel, clamp the MSS, or let "
        "ICMP type 3 code 4 (ICMPv6 type 2) pass."
    )


def _tcp(result: Data) -> Finding:
    tcp = result["tcp"]
    if not tcp or tcp["result"] == "ok":
        return "", ""
    where = f"{result['target']} port {tcp['port']}"
    if tcp["error"]:
        return f"TCP to {where}: {tcp['error']}", "Set verify_port to a port that is free on all hosts."
    if tcp["result"] == "refused":
        return f"TCP to {where} is refused", "A firewall of the peer rejects it; let it in from the tunnel, or set verify_tcp: false."
    if tcp["result"] == "no_answer":
        return f"no answer to TCP to {where}", "Pings pass: a firewall drops TCP. Let it in from the tunnel, or set verify_tcp: false."
    way = f"to {result['peer']}" if tcp["result"] == "lost_to_peer" else f"from {result['peer']}"
    return f"MTU black hole: TCP to {where} connects, but full-size segments {way} get lost", (
        "Lower the MTU of the tunnel or clamp the MSS on the gateway that sends them."
    )


def _packets_between(name: str, counter: str, probe: t.Mapping[str, t.Any]) -> int:
    """Packets meanwhile. A rekeying may have replaced an SA, so only what is there now counts."""
    old = _counters(name, counter, probe.get("before", []))
    new = _counters(name, counter, probe.get("after", []))
    return sum(packets - old.get(number, 0) for number, packets in new.items())


def _counters(name: str, counter: str, sas: t.Sequence[Data]) -> t.Dict[int, int]:
    return {child["unique_id"]: child[counter] for sa in sas if sa["name"] == name for child in sa["children"]}


def tunnel_matrix(results: t.Mapping[str, t.Sequence[Data]]) -> t.List[str]:
    """A table with a row for each host and a column for each peer: the ping time, C(FAIL), or C(-) for no tunnel."""
    hosts = sorted(results)
    peers = sorted({result["peer"] for found in results.values() for result in found} | set(hosts))
    cells = {(host, result["peer"]): _cell(result) for host, found in results.items() for result in found}
    rows = [["from \\ to", *peers]]
    rows += [[host, *(cells.get((host, peer), "-") for peer in peers)] for host in hosts]
    widths = [max(len(row[column]) for row in rows) for column in range(len(peers) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    failures = [result for host in hosts for result in results[host] if not result["ok"]]
    count = sum(len(found) for found in results.values())
    one_sided = sorted({r["peer"] for found in results.values() for r in found if not r.get("peer_managed", True)})
    notes = [f"Only the direction to {', '.join(one_sided)} is tested: not managed from here."] if one_sided else []
    lines += [f"{count - len(failures)} of {count} directions work", *notes]
    return lines + [text for result in failures for text in _lines(result)]


def _lines(result: Data) -> t.List[str]:
    advice = result.get("advice")
    return [f"{result['from']}: {result['problem']}", *([f"    {advice}"] if advice else [])]


def _cell(result: Data) -> str:
    if not result["ok"]:
        return "FAIL"
    return f"{result['milliseconds']:.1f} ms" if result["milliseconds"] is not None else "ok"
