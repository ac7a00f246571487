"""What `status` shows: every configured connection with its SAs, also the ones that are down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

from ikeengine.cli.text import number, sections, string, strings, subsections
from ikeengine.daemon.vici.codec import Message
from ikeengine.model.immutable import field, immutable

DOWN = "down"
POLICIES = "policies"
"""State of a connection that only lets traffic pass or drops it, and never needs an IKE SA."""
SHUNTS = ("PASS", "DROP")
LIVE_STATES = ("ESTABLISHED", "REKEYING", POLICIES)
INSTALLED_STATES = ("INSTALLED", "REKEYING", "UPDATING")


@immutable
class Tunnel:
    """One Child SA, or a configured one that is down. Times are seconds, volumes bytes."""

    name: str
    state: str = DOWN
    mode: str = ""
    id: int | None = None
    local_ts: list[str] = field(default_factory=list)
    remote_ts: list[str] = field(default_factory=list)
    since: int | None = None
    rekey_in: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def up(self) -> bool:
        """Whether traffic can go through it."""
        return self.state.upper() in INSTALLED_STATES or self.mode in SHUNTS


@immutable
class Gateway:
    """One IKE SA, or a configured connection that has none."""

    name: str
    state: str = DOWN
    id: int | None = None
    version: str = ""
    local: str = ""
    local_id: str = ""
    remote: str = ""
    remote_id: str = ""
    since: int | None = None
    rekey_in: int | None = None
    suite: str = ""
    interface: str = ""
    """The device of a route-based connection."""
    tunnels: list[Tunnel] = field(default_factory=list)

    @property
    def up(self) -> bool:
        """Whether the peer is authenticated and every tunnel is there, apart from SAs that were just replaced."""
        there = {tunnel.name for tunnel in self.tunnels if tunnel.up}
        return self.state in LIVE_STATES and all(tunnel.name in there for tunnel in self.tunnels)

    def as_json(self) -> dict[str, object]:
        """A dict for `json.dumps`."""
        return {**asdict(self), "up": self.up}


def digest(connections: Iterable[Message], sas: Iterable[Message]) -> list[Gateway]:
    """Join the messages of `list-conn` and `list-sa` to one list, by name. Several SAs of a connection stay apart."""
    live: dict[str, list[Message]] = {}
    for message in sas:
        for name, section in sections(message).items():
            live.setdefault(name, []).append(section)
    configured = {name: section for message in connections for name, section in sections(message).items()}
    gateways = []
    for name in sorted({*configured, *live}):
        wanted = configured.get(name, {})
        found = [_gateway(name, section) for section in live.get(name, [])]
        gateways += _with_missing_tunnels(found, wanted) if found else [_down(name, wanted)]
    return gateways


def _gateway(name: str, section: Message) -> Gateway:
    return Gateway(
        name=name,
        state=string(section, "state"),
        id=number(section, "uniqueid"),
        version=f"IKEv{string(section, 'version')}",
        local=_endpoint(section, "local"),
        local_id=string(section, "local-id"),
        remote=_endpoint(section, "remote"),
        remote_id=string(section, "remote-id"),
        since=number(section, "established"),
        rekey_in=number(section, "rekey-time"),
        suite=suite(section),
        interface=string(section, "interface"),
        tunnels=_sorted([_tunnel(child) for child in subsections(section, "child-sas").values()]),
    )


def _with_missing_tunnels(found: list[Gateway], wanted: Message) -> list[Gateway]:
    """Add the configured tunnels that no IKE SA of the connection has to the newest one that is alive."""
    present = {tunnel.name for gateway in found for tunnel in gateway.tunnels}
    missing = [tunnel for tunnel in _configured_tunnels(wanted) if tunnel.name not in present]
    newest = max(found, key=lambda gateway: (gateway.state in LIVE_STATES, gateway.id or 0))
    return [
        replace(gateway, tunnels=_sorted(gateway.tunnels + missing)) if gateway is newest else gateway
        for gateway in found
    ]


def _sorted(tunnels: list[Tunnel]) -> list[Tunnel]:
    return sorted(tunnels, key=lambda tunnel: (tunnel.name, tunnel.id or 0))


def _down(name: str, wanted: Message) -> Gateway:
    remote = next((section for key, section in sections(wanted).items() if key.startswith("remote")), {})
    local = next((section for key, section in sections(wanted).items() if key.startswith("local")), {})
    tunnels = _configured_tunnels(wanted)
    return Gateway(
        name=name,
        state=POLICIES if tunnels and all(tunnel.mode in SHUNTS for tunnel in tunnels) else DOWN,
        version=string(wanted, "version"),
        local=", ".join(strings(wanted, "local_addrs")),
        local_id=string(local, "id"),
        remote=", ".join(strings(wanted, "remote_addrs")),
        remote_id=string(remote, "id"),
        interface=string(wanted, "interface"),
        tunnels=tunnels,
    )


def _configured_tunnels(wanted: Message) -> list[Tunnel]:
    return [
        Tunnel(
            name=name,
            mode=string(child, "mode"),
            local_ts=strings(child, "local-ts"),
            remote_ts=strings(child, "remote-ts"),
        )
        for name, child in subsections(wanted, "children").items()
    ]


def _tunnel(child: Message) -> Tunnel:
    return Tunnel(
        name=string(child, "name"),
        state=string(child, "state"),
        mode=string(child, "mode"),
        id=number(child, "uniqueid"),
        local_ts=strings(child, "local-ts"),
        remote_ts=strings(child, "remote-ts"),
        since=number(child, "install-time"),
        rekey_in=number(child, "rekey-time"),
        bytes_in=number(child, "bytes-in") or 0,
        bytes_out=number(child, "bytes-out") or 0,
    )


def _endpoint(section: Message, side: str) -> str:
    host, port = string(section, f"{side}-host"), string(section, f"{side}-port")
    return f"{host}[{port}]" if port else host


def suite(section: Message) -> str:
    """The algorithms of an SA in one text, such as `AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE_25519/KE1_ECP_384`."""
    cipher = "-".join(part for part in (string(section, "encr-alg"), string(section, "encr-keysize")) if part)
    others = (string(section, key) for key in ("integ-alg", "prf-alg", "dh-group"))
    additional = ((number, string(section, f"ake{number}")) for number in range(1, 8))
    return "/".join([part for part in (cipher, *others) if part] + [f"KE{n}_{name}" for n, name in additional if name])
