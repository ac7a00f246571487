"""`status`: everything on one screen."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.digest import DOWN, Gateway, Tunnel, digest
from ikeengine.cli.errors import CommandFailed, Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.tables import Cell, Report, show, state
from ikeengine.cli.text import duration, json_ready, number, string, strings, subsections, volume
from ikeengine.daemon.vici.codec import Message

COLUMNS = ("name", "state", "peer, networks", "since", "rekey in", "in", "out")


def status(arguments: Namespace) -> int:
    """Show every connection with its tunnels."""
    only = {"ike": arguments.connection} if arguments.connection else {}
    with Client(arguments.socket) as client:
        connections = list(client.stream("list-conns", "list-conn", only))
        gateways = digest(connections, client.stream("list-sas", "list-sa", only))
        reasons = _reasons(client) if any(gateway.state == DOWN for gateway in gateways) else {}
        manual = {} if arguments.connection else _manual(client)
    if arguments.connection and not gateways:
        raise CommandFailed(f"there is no connection `{arguments.connection}`")
    if arguments.json:
        shown = [{**gateway.as_json(), "last_failure": reasons.get(gateway.name, "")} for gateway in gateways]
        print_json([*shown, *({"name": name, "manual": True, **json_ready(sas)} for name, sas in manual.items())])
    else:
        _show(gateways, reasons)
        _show_manual(manual)
    return Exit.DONE


def _manual(client: Client) -> dict[str, Message]:
    """Manually keyed SAs; none from a daemon that has no such thing."""
    try:
        return subsections(client.request("get-manual"), "manual")
    except CommandFailed:
        return {}


def _show_manual(entries: dict[str, Message]) -> None:
    """Manual SAs have neither an age nor a time of rekeying."""
    if not entries:
        return
    report = Report(("manual keys", "protocol", "peer, networks", "spi in", "spi out", "in", "out"))
    for name, sas in entries.items():
        networks = " === ".join(" ".join(strings(sas, f"{side}-ts")) for side in ("local", "remote"))
        spis = [string(sas, "spi-in"), string(sas, "spi-out")]
        traffic = [volume(number(sas, f"bytes-{way}") or 0) for way in ("in", "out")]
        what = f"{string(sas, 'protocol')} {string(sas, 'mode').lower()}"
        report.add(Cell(name, "name"), what, f"{string(sas, 'remote-host')}, {networks}", *spis, *traffic)
    show(report, sys.stdout)


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
    if gateway.interface:
        peer += f" dev {gateway.interface}"
    times = (duration(gateway.since), duration(gateway.rekey_in))
    return [Cell(gateway.name, "name"), state(gateway.state), peer, *times, "", ""]


def _tunnel_row(tunnel: Tunnel) -> list[Cell | str]:
    networks = f"{' '.join(tunnel.local_ts)} === {' '.join(tunnel.remote_ts)}"
    traffic = ("", "") if tunnel.state == DOWN else (volume(tunnel.bytes_in), volume(tunnel.bytes_out))
    shown = tunnel.mode if tunnel.state == DOWN and tunnel.up else tunnel.state
    times = (duration(tunnel.since), duration(tunnel.rekey_in))
    return [f"  {tunnel.name}", state(shown), networks, *times, *traffic]
