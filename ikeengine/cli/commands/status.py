"""`status`: everything on one screen."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.digest import DOWN, Gateway, Tunnel, digest
from ikeengine.cli.errors import CommandFailed, Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.tables import Cell, Report, show, state
from ikeengine.cli.text import duration, string, subsections, volume
from ikeengine.daemon.vici.codec import Message

COLUMNS = ("name", "state", "peer, networks", "since", "rekey in", "in", "out")


def status(arguments: Namespace) -> int:
    """Show every connection with its tunnels."""
    only = {"ike": arguments.connection} if arguments.connection else {}
    with Client(arguments.socket) as client:
        connections = list(client.stream("list-conns", "list-conn", only))
        gateways = digest(connections, client.stream("list-sas", "list-sa", only))
        reasons = _reasons(client) if any(gateway.state == DOWN for gateway in gateways) else {}
    if arguments.connection and not gateways:
        raise CommandFailed(f"there is no connection `{arguments.connection}`")
    if arguments.json:
        print_json([{**gateway.as_json(), "last_failure": reasons.get(gateway.name, "")} for gateway in gateways])
    else:
        _show(gateways, reasons)
    return Exit.DONE


def _reasons(client: Client) -> dict[str, str]:
    """The latest failure of each connection; none from a daemon that keeps no records, such as strongSwan."""
    try:
        answer = client.request("failures")
    except CommandFailed:
        return {}
    reasons: dict[str, str] = {}
    for record in _latest_first(answer):
        reasons.setdefault(string(record, "connection"), string(record, "reason"))
    return reasons


def _latest_first(answer: Message) -> list[Message]:
    return list(subsections(answer, "failures").values())


def _show(gateways: list[Gateway], reasons: dict[str, str]) -> None:
    report = Report(COLUMNS, right=("since", "rekey in", "in", "out"), empty="no connections are loaded")
    for gateway in gateways:
        report.add(*_gateway_row(gateway))
        for tunnel in gateway.tunnels:
            report.add(*_tunnel_row(tunnel))
    show(report, sys.stdout)
    for gateway in gateways:
        if gateway.state == DOWN and gateway.name in reasons:
            print(f"{gateway.name}: {reasons[gateway.name]} (more: ikeengine explain {gateway.name})")
    if gateways:
        names, up = {gateway.name for gateway in gateways}, {gateway.name for gateway in gateways if gateway.up}
        print(f"{len(up)} of {len(names)} up")


def _gateway_row(gateway: Gateway) -> list[Cell | str]:
    peer = f"{gateway.remote_id} ({gateway.remote})" if gateway.remote_id else gateway.remote
    times = (duration(gateway.since), duration(gateway.rekey_in))
    return [Cell(gateway.name, "name"), state(gateway.state), peer, *times, "", ""]


def _tunnel_row(tunnel: Tunnel) -> list[Cell | str]:
    networks = f"{' '.join(tunnel.local_ts)} === {' '.join(tunnel.remote_ts)}"
    traffic = ("", "") if tunnel.state == DOWN else (volume(tunnel.bytes_in), volume(tunnel.bytes_out))
    shown = tunnel.mode if tunnel.state == DOWN and tunnel.up else tunnel.state
    times = (duration(tunnel.since), duration(tunnel.rekey_in))
    return [f"  {tunnel.name}", state(shown), networks, *times, *traffic]
