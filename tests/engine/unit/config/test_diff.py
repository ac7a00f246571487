from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ikeengine.config.configuration import Configuration, EngineConfig, PrivateKeyFile
from ikeengine.config.diff import PlanAction, PlanEntry, plan, plan_credentials, plan_engine
from ikeengine.model.connection import AuthKind, ConnectionConfig, EngineSettings
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.secret import Secret

BASE = """
connections:
  a:
    remote_addrs: [192.0.2.2]
    local: {auth: psk, id: gw1}
    remote: {auth: psk, id: gw2}
    children:
      net: {local_ts: 10.1.0.0/16}
      two: {}
secrets:
  ike-1: {secret: correct horse battery staple}
"""


@pytest.fixture
def changed(site: Any) -> Any:
    """The plan from BASE to the same with some text replaced."""

    def plan_for(*replacements: tuple[str, str]) -> list[PlanEntry]:
        text = BASE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        return plan(site.load(BASE), site.load(text))

    return plan_for


def test_what_is_equal_stays(changed: Any) -> None:
    assert changed() == [PlanEntry("a", PlanAction.UNCHANGED)]
    assert changed(("    remote_addrs", "    rekey_time: 240m\n    remote_addrs")) == [
        PlanEntry("a", PlanAction.UNCHANGED)
    ]


def test_a_change_of_children_keeps_the_ike_sa(changed: Any) -> None:
    (entry,) = changed(
        (
            "{local_ts: 10.1.0.0/16}",
            "{local_ts: [10.1.0.0/16, 'dynamic[tcp]'], esp_proposals: aes128gcm16, policies: no}",
        ),
        ("two: {}", "three: {rekey_time: 10m}"),
    )
    assert entry.action is PlanAction.CHILD
    details = "\n".join(entry.details)
    assert "children.net.local_ts: 10.1.0.0/16 -> 10.1.0.0/16, dynamic[tcp]" in details
    assert "-> aes128gcm16" in details
    assert "children.net.policies: yes -> no" in details
    assert "children.three: added" in details
    assert "children.two: removed" in details


def test_a_change_of_the_connection_replaces_it(changed: Any) -> None:
    (entry,) = changed(
        ("gw2}", "'*.example.com'}"), ("[192.0.2.2]", "[192.0.2.3]\n    dpd_delay: 30s"), ("two: {}", "")
    )
    assert entry == PlanEntry(
        "a",
        PlanAction.REPLACE,
        (
            "remote_addrs: 192.0.2.2 -> 192.0.2.3",
            "dpd_delay: 0s -> 30s",
            "remote.id: gw2 -> *.example.com",
            "children.two: removed",
        ),
    )


def test_identities_addresses_and_words_are_shown_as_they_are_written(changed: Any) -> None:
    (entry,) = changed(("id: gw1}", "id: gw9}"), ("    remote_addrs", "    unique: replace\n    remote_addrs"))
    assert entry.details == ("unique: no -> replace", "local.id: gw1 -> gw9")


def test_certificates_are_not_shown() -> None:
    old = ConnectionConfig("a", ())
    new = replace(old, local=(replace(old.local[0], certs=(b"\x30",)),))
    (entry,) = plan(Configuration(connections={"a": old}), Configuration(connections={"a": new}))
    assert entry.details == ("local.certs: changed",)
    assert entry.action is PlanAction.CHILD, "a renewed certificate counts from the next authentication on"


@pytest.mark.parametrize(
    ("changes", "action"),
    [({"cacerts": (b"\x30",)}, PlanAction.CHILD), ({"certs": (b"\x30",)}, PlanAction.REPLACE)],
    ids=["another-authority", "another-peer"],
)
def test_who_vouches_for_the_peer_may_change(changes: dict[str, Any], action: PlanAction) -> None:
    """A pinned certificate says who the peer is; an authority only who says so."""
    old = ConnectionConfig("a", ())
    new = replace(old, remote=(replace(old.remote[0], **changes),))
    (entry,) = plan(Configuration(connections={"a": old}), Configuration(connections={"a": new}))
    assert entry.action is action


def test_another_method_of_authentication_counts_from_the_next_authentication_on() -> None:
    old = ConnectionConfig("a", ())
    new = replace(
        old,
        local=(replace(old.local[0], auth=AuthKind.PUBKEY, certs=(b"\x30",)),),
        remote=(replace(old.remote[0], auth=AuthKind.PUBKEY, cacerts=(b"\x30",)),),
    )
    (entry,) = plan(Configuration(connections={"a": old}), Configuration(connections={"a": new}))
    assert entry.action is PlanAction.CHILD
    assert "local.auth: psk -> pubkey" in entry.details
    assert "remote.auth: psk -> pubkey" in entry.details
    older = {"a": replace(old, version=1)}
    (entry,) = plan(Configuration(connections=older), Configuration(connections={"a": replace(new, version=1)}))
    assert entry.action is PlanAction.REPLACE, "in IKEv1 it is a part of what was negotiated"


def test_connections_come_and_go(site: Any) -> None:
    old, new = site.load(BASE), site.load(BASE.replace("  a:", "  b:"))
    assert plan(old, new) == [
        PlanEntry("a", PlanAction.REMOVE),
        PlanEntry("b", PlanAction.ADD, ("children.net: added", "children.two: added")),
    ]


def test_changed_credentials_are_named_but_never_shown() -> None:
    def configuration(secret: bytes, key: bytes, ca: bytes) -> Configuration:
        return Configuration(
            shared_keys=(SharedKey("ike-1", Secret(secret)),),
            private_keys=(PrivateKeyFile("private-1", "/gw.pem", Secret(key)),),
            authorities=(Authority("root", ca),),
        )

    old = configuration(b"hunter2", b"a", b"x")
    assert plan_credentials(old, old) == []
    assert plan_credentials(old, configuration(b"hunter3", b"b", b"y")) == [
        "shared key ike-1: changed",
        "private key private-1: changed",
        "authority root: changed",
    ]
    assert plan_credentials(old, Configuration()) == [
        "shared key ike-1: removed",
        "private key private-1: removed",
        "authority root: removed",
    ]
    assert plan_credentials(Configuration(), old)[0] == "shared key ike-1: added"
    assert plan_credentials(Configuration(), Configuration(crls=(b"\x30",))) == ["CRLs: changed"]


def test_the_order_of_shared_keys_is_a_change() -> None:
    def configuration(*names: str) -> Configuration:
        return Configuration(shared_keys=tuple(SharedKey(name, Secret(name.encode())) for name in names))

    old = configuration("one", "two")
    assert plan_credentials(old, configuration("two", "one")) == ["shared keys: in another order"]
    assert plan_credentials(old, configuration("zero", "one", "two")) == ["shared key zero: added"]
    assert plan_credentials(old, configuration("two")) == ["shared key one: removed"]


def test_engine_changes_say_whether_they_wait_for_a_restart() -> None:
    old = EngineConfig()
    new = EngineConfig(
        listen=("192.0.2.1",),
        keylog="/keys",
        metrics="127.0.0.1:9100",
        log={"default": 1, "ike": 2},
        settings=EngineSettings(port=5000, retransmit_base=2.0, half_open_timeout=60.0, keylog=True),
    )
    assert plan_engine(old, old) == []
    assert plan_engine(old, new) == [
        "engine.half_open_timeout: 30s -> 1m",
        "engine.keylog: none -> /keys",
        "engine.listen: none -> 192.0.2.1 (after a restart)",
        "engine.log.ike: none -> 2",
        "engine.metrics: none -> 127.0.0.1:9100 (after a restart)",
        "engine.port: 500 -> 5000 (after a restart)",
        "engine.retransmit_base: 1.8 -> 2",
    ]


def test_a_private_key_is_what_is_in_the_file_not_where_it_lies() -> None:
    """A copy of the configuration in another directory is asked about before it becomes real."""
    here, copy = (
        Configuration(private_keys=(PrivateKeyFile("private-1", path, Secret(b"a")),)) for path in ("/here", "/copy")
    )
    assert plan_credentials(here, copy) == []
