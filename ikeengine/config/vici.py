"""Connections as clients of the control socket send them: the same schema, without files and places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ikeengine.config.build_connection import build_connection
from ikeengine.config.certificates import CertificateBlobs
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.problems import Problems
from ikeengine.config.reader import read
from ikeengine.config.tree import ViciValue, from_vici
from ikeengine.model.connection import ConnectionConfig


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
