"""Connections as clients of the control socket send them: the same schema, without files and places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ikeengine.config.build_connection import build_connection
from ikeengine.config.build_pools import build_pool
from ikeengine.config.certificates import CertificateBlobs
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.options.pools import POOL
from ikeengine.config.problems import Problems
from ikeengine.config.reader import read
from ikeengine.config.tree import ViciValue, from_vici
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.pool import PoolConfig


def connection_from_vici(name: str, section: Mapping[str, object]) -> ConnectionConfig:
    """The connection of a `load-conn` command. Values are octets or text, `certs` hold PEM or DER.

    Raises ConfigErrors with every problem at once.
    """
    problems = Problems()
    path = f"connections.{name}"
    values = read(CONNECTION, from_vici(cast(ViciValue, section)), path, problems)
    draft = build_connection(name, values, CertificateBlobs(), problems)
    problems.raise_if_any()
    return draft.config


def pool_from_vici(name: str, section: Mapping[str, object]) -> PoolConfig:
    """The pool of a `load-pool` command. Raises ConfigErrors with every problem at once."""
    problems = Problems()
    values = read(POOL, from_vici(cast(ViciValue, section)), f"pools.{name}", problems)
    pool = build_pool(name, values, problems)
    problems.raise_if_any()
    if pool is None:
        raise AssertionError(f"pool {name} is broken, but nothing is wrong with it")
    return pool
