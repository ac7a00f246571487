"""A road warrior and its gateway with IKEv1, XAUTH and mode config, in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ikeengine.config.versions import DEFAULT_ESP_V1, DEFAULT_IKE_V1
from ikeengine.model.connection import (
    AuthKind,
    ChildConfig,
    ConnectionConfig,
    LocalAuth,
    RemoteAuth,
    XauthBackend,
)
from ikeengine.model.credentials import SharedKey
from ikeengine.model.pool import PoolConfig
from ikeengine.model.secret import Secret
from ikeengine.model.selector import DynamicSelector
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.selectors import parse_selector
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import LEFT, PSK, RIGHT, pattern

CAROL = "carol"
PASSWORD = Secret(b"4iChxLT3")


def login(host: Host, password: Secret = PASSWORD, user: str = CAROL) -> None:
    """Load the password of a user."""
    key = SharedKey(f"xauth-{user}", password, owners=(pattern(user),))
    host.endpoint.credentials.passwords.add(key)


def warrior_config(**changes: Any) -> ConnectionConfig:
    """The client's connection, with XAUTH."""
    child = ChildConfig(
        name="net",
        esp_proposals=DEFAULT_ESP_V1,
        local_ts=(DynamicSelector(),),
        remote_ts=(parse_selector("10.2.0.0/24"),),
    )
    config = ConnectionConfig(
        name="warrior",
        version=1,
        proposals=DEFAULT_IKE_V1,
        remote_addrs=(RIGHT,),
        local=(
            LocalAuth(AuthKind.PSK, parse_identity("left.example.com")),
            LocalAuth(AuthKind.XAUTH, xauth_id=parse_identity(CAROL)),
        ),
        remote=(RemoteAuth(AuthKind.PSK, pattern("right.example.com")),),
        children={"net": child},
    )
    return replace(config, **changes)


def gateway_config(**changes: Any) -> ConnectionConfig:
    """The gateway's connection, with XAUTH."""
    backend = changes.pop("backend", XauthBackend.GENERIC)
    child = ChildConfig(
        name="net",
        esp_proposals=DEFAULT_ESP_V1,
        local_ts=(parse_selector("10.2.0.0/24"),),
        remote_ts=(DynamicSelector(),),
    )
    config = ConnectionConfig(
        name="gateway",
        version=1,
        proposals=DEFAULT_IKE_V1,
        local=(LocalAuth(AuthKind.PSK, parse_identity("right.example.com")),),
        remote=(RemoteAuth(AuthKind.PSK), RemoteAuth(AuthKind.XAUTH, xauth=backend)),
        children={"net": child},
    )
    return replace(config, **changes)


def road_warrior(
    net: Net | None = None,
    *,
    warrior: ConnectionConfig | None = None,
    gateway: ConnectionConfig | None = None,
    **settings: Any,
) -> tuple[Net, Host, Host]:
    """Both hosts with their connections, the pre-shared key of the group, and carol's password on both sides."""
    net = net or Net()
    client, server = net.add(LEFT, **settings), net.add(RIGHT, **settings)
    for host, config in ((client, warrior or warrior_config()), (server, gateway or gateway_config())):
        host.endpoint.credentials.add_shared(SharedKey("psk", PSK))
        login(host)
        host.endpoint.load_connection(config, net.now)
        net.pump(host)
    return net, client, server


def set_pool(host: Host, **changes: Any) -> None:
    """Give a gateway the pool `rw`."""
    pool = PoolConfig("rw", bytes((10, 3, 0, 0)), bytes((10, 3, 0, 1)), bytes((10, 3, 0, 14)))
    host.endpoint.leases.set_pool(replace(pool, **changes))
