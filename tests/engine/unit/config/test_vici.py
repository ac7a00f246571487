from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeengine.config.build_connection import build_connection
from ikeengine.config.certificates import CertificateBlobs
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.problems import ConfigErrors, Problems
from ikeengine.config.reader import read
from ikeengine.config.vici import connection_from_vici
from ikeengine.config.yaml_tree import parse_yaml
from ikeengine.daemon.vici.codec import decode, encode
from ikeengine.model.connection import AuthKind, ConnectionConfig


def from_yaml(section: dict[str, Any]) -> ConnectionConfig:
    problems = Problems()
    tree = parse_yaml(yaml.safe_dump(section), "f", problems)
    draft = build_connection("a", read(CONNECTION, tree, "connections.a", problems), CertificateBlobs(), problems)
    problems.raise_if_any()
    return draft.config


SECONDS = st.integers(1, 10**6).map(str) | st.integers(1, 1000).map(lambda n: f"{n}m")
BOOLEANS = st.sampled_from(["yes", "no", "true", "false", "1", "0"])
CHILDREN = st.fixed_dictionaries(
    {},
    optional={
        "esp_proposals": st.lists(st.sampled_from(["aes128gcm16-x25519", "default", "aes256-sha256"]), min_size=1),
        "local_ts": st.lists(st.sampled_from(["10.1.0.0/16", "dynamic", "10.2.0.1[tcp/80]"]), min_size=1),
        "remote_ts": st.lists(st.sampled_from(["2001:db8::/32", "dynamic[udp]"]), min_size=1),
        "mode": st.sampled_from(["tunnel", "transport", "pass", "drop"]),
        "rekey_time": SECONDS,
        "rekey_bytes": st.sampled_from(["0", "500m", "1g", "1000000"]),
        "dpd_action": st.sampled_from(["clear", "trap", "restart", "none", "start"]),
        "close_action": st.sampled_from(["none", "trap", "start"]),
        "replay_window": st.integers(0, 4096).map(str),
        "policies": BOOLEANS,
        "copy_dscp": st.sampled_from(["out", "in", "yes", "no"]),
    },
)
CONNECTIONS = st.fixed_dictionaries(
    {"local-1": st.just({"auth": "psk", "id": "gw1"}), "remote-1": st.just({"auth": "psk", "id": "*.example.com"})},
    optional={
        "version": st.just("2"),
        "local_addrs": st.lists(st.sampled_from(["192.0.2.1", "%any", "2001:db8::1"]), min_size=1),
        "remote_addrs": st.lists(st.sampled_from(["192.0.2.2", "gw.example.com", "10.0.0.0/8"]), min_size=1),
        "proposals": st.lists(st.sampled_from(["aes256-sha256-modp2048", "default"]), min_size=1),
        "rekey_time": SECONDS,
        "reauth_time": SECONDS,
        "dpd_delay": SECONDS,
        "encap": BOOLEANS,
        "unique": st.sampled_from(["never", "no", "keep", "replace"]),
        "send_cert": st.sampled_from(["ifasked", "always", "never"]),
        "mobike": st.just("no"),
        "children": st.dictionaries(st.sampled_from(["net", "other", "third one"]), CHILDREN),
    },
)


@settings(deadline=None)
@given(CONNECTIONS)
def test_vici_and_yaml_give_the_same_object_for_the_same_text(section: dict[str, Any]) -> None:
    over_the_wire = decode(encode(section))
    assert connection_from_vici("a", over_the_wire) == from_yaml(section) == connection_from_vici("a", section)


def test_every_problem_of_a_message_is_told_without_a_place() -> None:
    with pytest.raises(ConfigErrors) as caught:
        connection_from_vici("a", {"version": b"3", "vips": [b"any"], "children": {"net": {"mode": b"beet"}}})
    assert [(error.file, error.line, error.key) for error in caught.value.errors] == [
        ("", 0, "connections.a.version"),
        ("", 0, "connections.a.vips"),
        ("", 0, "connections.a.children.net.mode"),
    ]
    assert str(caught.value).startswith("connections.a.version: `3` is not an IKE version")


def test_certificates_come_as_octets(pki: Any) -> None:
    config = connection_from_vici(
        "a",
        {
            "local": {"certs": [pki.gw.der], "id": b"gw1.example.com"},
            "remote": {"cacerts": [pki.root.pem], "id": b"%any"},
        },
    )
    assert (config.local[0].auth, config.local[0].certs) == (AuthKind.PUBKEY, (pki.gw.der,))
    assert config.remote[0].cacerts == (pki.root.der,)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"a\x00b", b"\x1b[2J"])
def test_octets_that_are_no_text_are_refused(value: bytes) -> None:
    for section in ({"local": {"id": value}}, {"proposals": [value]}, {"remote_addrs": [value]}, {"version": value}):
        with pytest.raises(ConfigErrors):
            connection_from_vici("a", section)


def test_a_message_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ConfigErrors, match="a section is expected here"):
        connection_from_vici("a", {"children": [b"net"]})
    with pytest.raises(ConfigErrors, match=r"connections\.a\.local-1: a section is expected here"):
        connection_from_vici("a", {"local-1": b"psk"})
