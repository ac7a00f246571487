"""`certs`: the certificates that the daemon has."""

from __future__ import annotations

import sys
from argparse import Namespace

from ikeengine.cli.client import Client
from ikeengine.cli.errors import Exit
from ikeengine.cli.output import print_json
from ikeengine.cli.tables import Cell, Report, show
from ikeengine.cli.text import json_ready, string
from ikeengine.crypto.certificate import Certificate
from ikeengine.daemon.vici.codec import Message
from ikeengine.errors import IkeError


def certs(arguments: Namespace) -> int:
    """Show loaded certificates."""
    messages = _list(arguments)
    if arguments.json:
        print_json([json_ready(message) for message in messages])
        return Exit.DONE
    report = Report(("subject", "type", "key", "not before", "not after"), empty="no certificates are loaded")
    for message in messages:
        report.add(*_certificate_row(message))
    show(report, sys.stdout)
    return Exit.DONE


def _list(arguments: Namespace) -> list[Message]:
    with Client(arguments.socket) as client:
        return list(client.stream("list-certs", "list-cert"))


def _certificate_row(message: Message) -> list[Cell | str]:
    flag, kind = string(message, "flag"), string(message, "type")
    shown = f"{kind} {flag}" if flag not in ("", "NONE") else kind
    key = "private key is loaded" if string(message, "has_privkey") else ""
    data = message.get("data", b"")
    try:
        certificate = Certificate.from_der(data if isinstance(data, bytes) else b"")
    except IkeError:
        return [Cell("(cannot be read)", "bad"), shown, key, "", ""]
    dates = [f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (certificate.not_before, certificate.not_after)]
    return [Cell(certificate.subject_text, "name"), shown, key, *dates]
