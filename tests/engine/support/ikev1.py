"""Two endpoints that speak IKEv1 with each other in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ikeengine.config.versions import DEFAULT_ESP_V1, DEFAULT_IKE_V1
from ikeengine.model.connection import ConnectionConfig
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import psk_pair


def v1(config: ConnectionConfig, **options: Any) -> ConnectionConfig:
    """A connection as it is with IKEv1 and its default proposals."""
    children = {
        name: replace(child, esp_proposals=options.pop("esp_proposals", DEFAULT_ESP_V1))
        for name, child in config.children.items()
    }
    return replace(config, **{"version": 1, "proposals": DEFAULT_IKE_V1, "children": children, **options})


def ikev1_pair(net: Net | None = None, **options: Any) -> tuple[Net, Host, Host]:
    """Two gateways with a pre-shared key. `options` are those of both connections."""
    net, left, right = psk_pair(net) if net is not None else psk_pair()
    for host in (left, right):
        for config in list(host.endpoint.connections.values()):
            host.endpoint.load_connection(v1(config, **options), net.now)
        net.pump(host)
    return net, left, right
