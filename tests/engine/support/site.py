"""A site-to-site pair for the tests: left and right, with one child `net` between 10.1.0.0/24 and 10.2.0.0/24."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.model.connection import AuthKind, ChildConfig, ConnectionConfig, LocalAuth, RemoteAuth
from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import IdentityPattern
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity, parse_pattern
from ikeengine.negotiate.proposals import parse_esp, parse_ike
from ikeengine.negotiate.selectors import parse_selector
from tests.engine.support.pair import Host, Net

LEFT, RIGHT = "192.0.2.1", "192.0.2.2"
IKE = parse_ike("aes128gcm16-prfsha256-x25519")
ESP = parse_esp("aes128gcm16-x25519")
PSK = Secret(b"a secret that only the two tests know")


def pattern(text: str) -> IdentityPattern:
    """What a configuration accepts as an identity."""
    return parse_pattern(text)


def connection(
    name: str, peer: str, own_id: str, peer_id: str, nets: tuple[str, str], **changes: object
) -> ConnectionConfig:
    """A connection with one child; `changes` of the child start with `child_`."""
    child_changes = {key[6:]: value for key, value in changes.items() if key.startswith("child_")}
    ike_changes = {key: value for key, value in changes.items() if not key.startswith("child_")}
    child = ChildConfig(
        name="net",
        esp_proposals=(ESP,),
        local_ts=(parse_selector(nets[0]),),
        remote_ts=(parse_selector(nets[1]),),
    )
    config = ConnectionConfig(
        name=name,
        proposals=(IKE,),
        remote_addrs=(peer,),
        local=(LocalAuth(AuthKind.PSK, parse_identity(own_id)),),
        remote=(RemoteAuth(AuthKind.PSK, pattern(peer_id)),),
        children={"net": replace(child, **child_changes)},
    )
    return replace(config, **ike_changes)


def psk_pair(
    net: Net | None = None, *, left: dict | None = None, right: dict | None = None, **both: object
) -> tuple[Net, Host, Host]:
    """Two hosts with a pre-shared key; `left`, `right` and `both` change their connections."""
    net = net or Net()
    hosts = [net.add(LEFT), net.add(RIGHT)]
    for host, name, peer, changes in ((hosts[0], "left", RIGHT, left), (hosts[1], "right", LEFT, right)):
        other = "right" if name == "left" else "left"
        nets = ("10.1.0.0/24", "10.2.0.0/24") if name == "left" else ("10.2.0.0/24", "10.1.0.0/24")
        config = connection(
            name, peer, f"{name}.example.com", f"{other}.example.com", nets, **{**both, **(changes or {})}
        )
        host.endpoint.credentials.add_shared(SharedKey("psk", PSK))
        host.endpoint.load_connection(config, net.now)
        net.pump(host)
    return net, hosts[0], hosts[1]
