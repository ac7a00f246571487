from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ikeengine.config.build_connection import build_connection
from ikeengine.config.certificates import CertificateBlobs
from ikeengine.config.draft import Draft
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.problems import Problems
from ikeengine.config.reader import read
from ikeengine.config.yaml_tree import parse_yaml
from ikeengine.model.connection import AuthKind
from ikeengine.model.identity import ANY_IDENTITY
from ikeengine.negotiate.identities import format_identity


def build(text: str) -> tuple[Draft, list[str]]:
    problems = Problems()
    values = read(CONNECTION, parse_yaml(text, "f", problems), "connections.a", problems)
    draft = build_connection("a", values, CertificateBlobs(), problems)
    return draft, [str(error) for error in problems.sorted()]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("", (14400, 1440, 1440)),
        ("rekey_time: 1h", (3600, 360, 360)),
        ("reauth_time: 2h", (0, 720, 720)),
        ("reauth_time: 2h\nrekey_time: 1h", (3600, 720, 720)),
        ("rekey_time: 0", (0, 0, 0)),
        ("over_time: 5m", (14400, 300, 300)),
        ("rekey_time: 10m\nover_time: 1h", (600, 3600, 300)),
    ],
)
def test_times_depend_on_each_other_as_in_swanctl(text: str, times: tuple[float, float, float]) -> None:
    draft, errors = build(text)
    assert errors == []
    assert (draft.config.rekey_time, draft.config.over_time, draft.config.rand_time) == times


def test_an_sa_must_not_be_rekeyed_at_once() -> None:
    _, errors = build("rekey_time: 1h\nrand_time: 90m\n")
    assert errors == [
        "f:2:1: connections.a.rand_time: 90m is not less than the time to rekey or reauthenticate (1h): "
        "that could happen at once"
    ]


def test_absent_rounds_are_those_of_swanctl() -> None:
    draft, errors = build("")
    assert errors == []
    assert draft.config.local[0].auth is AuthKind.PUBKEY
    assert draft.config.remote[0].auth is AuthKind.PUBKEY
    assert draft.config.remote[0].id == ANY_IDENTITY


def test_rounds_come_in_the_order_of_their_numbers() -> None:
    draft, errors = build(
        "local-1: {auth: psk, id: b, round: 2}\nremote-main: {auth: psk}\nlocal-2: {auth: pubkey, id: a, round: 1}\n"
        "local-3: {auth: psk, id: c, round: 2}\n"
    )
    assert errors == []
    assert [format_identity(local.id) for local in draft.config.local] == ["a", "b", "c"]
    assert [remote.auth for remote in draft.config.remote] == [AuthKind.PSK]


def test_signature_schemes_are_constraints_of_ike() -> None:
    draft, errors = build("local: {auth: ike:rsa/pss-sha256}\nremote: {auth: IKE:ecdsa-sha384}\n")
    assert errors == []
    assert draft.config.local[0].schemes == ("rsa/pss-sha256",)
    assert draft.config.remote[0].schemes == ("ecdsa-sha384",)


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("eap-md5", "`eap-md5` is not supported yet; supported are psk, pubkey and xauth"),
        ("xauth-noauth", "`xauth-noauth` is not supported; supported are xauth, xauth-generic, xauth-pam"),
        ("rsa-2048", "constraints on the trust chain are for the `remote` section; `ike:rsa-2048` constrains"),
        ("pubkye", "is not psk, pubkey, xauth or ike:schemes; did you mean `pubkey`?"),
        ("ike:rsa-md5", "`md5` is not known here"),
    ],
)
def test_other_ways_to_authenticate_are_refused(auth: str, message: str) -> None:
    _, errors = build(f"local: {{auth: {auth}}}\n")
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize("addresses", ["%any", "10.0.0.0/8", "%any, 10.0.0.0/8"])
def test_to_start_there_must_be_somebody_to_connect_to(addresses: str) -> None:
    child = (
        "children: {net: {start_action: start}, other: {start_action: none}, bypass: {start_action: trap, mode: pass}}"
    )
    _, errors = build(f"remote_addrs: '{addresses}'\n{child}\n")
    assert errors == [
        "f:2:18: connections.a.children.net.start_action: "
        "`start` needs an address or host name in remote_addrs to connect to"
    ]
    assert build(f"remote_addrs: '{addresses}, gw.example.com'\n{child}\n")[1] == []


def test_certificate_sections_need_a_file() -> None:
    _, errors = build("local: {cert1: {}, cert2: {slot: 1}, cert3: {file: ''}}\n")
    assert errors == [
        "f:1:9: connections.a.local.cert1: `file` is missing",
        "f:1:20: connections.a.local.cert2: `file` is missing",
        "f:1:28: connections.a.local.cert2.slot: `slot` is not supported yet (certificates on a token); leave it out",
        "f:1:52: connections.a.local.cert3.file: a value is missing (file)",
    ]


def test_certificate_sections_are_candidates_like_the_list(gateway: Callable[[], Any], pki: Any) -> None:
    site = gateway()
    site.write("x509/other.pem", pki.other.pem, 0o644)
    site.write("private/other.pem", pki.other.key_pem())
    text = """
connections:
  a:
    local: {certs: gw.pem, cert-2: {file: other.pem}}
    remote: {cacert-1: {file: root.pem}, cert1: {file: other.pem}}
secrets: {private-1: {file: gw.pem}, private-2: {file: other.pem}}
"""
    connection = site.load(text).connections["a"]
    assert connection.local[0].certs == (pki.gw.der, pki.other.der)
    assert connection.remote[0].certs == (pki.other.der,)
    assert connection.remote[0].cacerts == (pki.root.der,)
    site.write("x509/other.pem", "nothing", 0o644)
    (first, second) = site.errors(text)
    assert first.startswith("ike.yml:4:37: connections.a.local.cert-2.file: x509/other.pem: not a usable certificate")
    assert second.startswith("ike.yml:5:50: connections.a.remote.cert1.file: x509/other.pem: not a usable certificate")
