"""Manual keys: what is accepted, and every way to get them wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ikeengine.config.diff import plan_credentials
from ikeengine.config.load import ConfigErrors, Configuration, load
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction
from ikeengine.negotiate.selectors import format_selector
from ikeengine.registry import Protocol

KEYS = {
    "manual-in-encr": "0x" + bytes(range(32)).hex(),
    "manual-in-integ": "0x" + bytes(range(100, 132)).hex(),
    "manual-out-encr": "0x" + bytes(range(50, 82)).hex(),
    "manual-out-integ": "0x" + bytes(range(150, 182)).hex(),
}


def document(**changes: Any) -> dict[str, Any]:
    link = {
        "local_addr": "192.0.2.1",
        "remote_addr": "192.0.2.2",
        "esp_proposals": "aes256-sha256",
        "local_ts": "10.1.0.0/24",
        "remote_ts": "10.2.0.0/24",
        "in": {"spi": "0x1001", "encr_key": "manual-in-encr", "integ_key": "manual-in-integ"},
        "out": {"spi": "0x1002", "encr_key": "manual-out-encr", "integ_key": "manual-out-integ"},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            link[section] = {**link[section], name: value}
        else:
            link[section] = value
    link = {key: value for key, value in link.items() if value is not None}
    return {"manual": {"link": link}, "secrets": {name: {"secret": key} for name, key in KEYS.items()}}


def loaded(tmp_path: Path, content: dict[str, Any]) -> Configuration:
    file = tmp_path / "ike.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content))
    return load(file)


def test_a_pair_of_sas(tmp_path: Path) -> None:
    entry = loaded(tmp_path, document()).manual["link"]
    inbound, outbound = entry.sas
    assert (inbound.direction, inbound.spi, inbound.source, inbound.destination) == (
        Direction.IN, 0x1001, "192.0.2.2", "192.0.2.1",
    )  # fmt: skip
    assert (outbound.direction, outbound.spi, outbound.destination) == (Direction.OUT, 0x1002, "192.0.2.2")
    assert inbound.encr_key.reveal() == bytes(range(32))
    assert outbound.integ_key.reveal() == bytes(range(150, 182))
    assert (entry.policies.local, entry.policies.remote, entry.policies.mode) == ("192.0.2.1", "192.0.2.2", Mode.TUNNEL)
    assert [format_selector(ts) for ts in entry.policies.remote_ts] == ["10.2.0.0/24"]


def test_ah_in_transport_mode(tmp_path: Path) -> None:
    changes = {"esp_proposals": None, "ah_proposals": "sha256", "mode": "transport", "local_ts": None}
    link = document(**changes, remote_ts=None, in__encr_key="", out__encr_key="")
    inbound, _outbound = loaded(tmp_path, link).manual["link"].sas
    assert (inbound.protocol, inbound.encr, inbound.mode) == (Protocol.AH, None, Mode.TRANSPORT)
    assert [format_selector(ts) for ts in inbound.remote_ts] == ["192.0.2.2/32"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"local_addr": None}, "`local_addr` is missing"),
        ({"remote_addr": "2001:db8::1"}, "not of the same address family"),
        ({"esp_proposals": "aes256gcm16"}, "RFC 8221 section 4"),
        ({"esp_proposals": "aes128ctr-sha256"}, "RFC 8221 section 4"),
        ({"esp_proposals": None}, "exactly one proposal"),
        ({"esp_proposals": "aes256-sha256,aes128-sha256"}, "exactly one proposal"),
        ({"esp_proposals": "aes256-aes128-sha256"}, "one encryption and one integrity algorithm"),
        ({"esp_proposals": "aes256-sha256-x25519"}, "no key exchange"),
        ({"esp_proposals": "aes128-sha256"}, "secrets.manual-in-encr has 32 octets; the algorithm takes 16"),
        ({"in": {"encr_key": "manual-in-encr", "integ_key": "manual-in-integ"}}, "`spi` is missing"),
        ({"in__spi": "255"}, "between 256"),
        ({"in__encr_key": "manual-none"}, "there is no secrets.manual-none"),
        ({"in__integ_key": ""}, "`integ_key` is missing"),
        ({"out__encr_key": "manual-in-encr"}, "both directions have the same encryption key"),
        ({"out__integ_key": "manual-in-integ"}, "both directions have the same integrity key"),
        ({"mode": "beet"}, "beet"),
    ],
)
def test_mistakes(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, document(**changes))
    assert complaint in str(caught.value)
    assert "ike.yml" in str(caught.value)


def test_a_key_that_repeats_itself(tmp_path: Path) -> None:
    content = document()
    content["secrets"]["manual-in-encr"]["secret"] = "0x" + "11" * 32
    with pytest.raises(ConfigErrors, match="repeats itself"):
        loaded(tmp_path, content)


def test_two_entries_with_one_spi(tmp_path: Path) -> None:
    content = document()
    content["manual"]["other"] = dict(content["manual"]["link"])
    with pytest.raises(ConfigErrors, match=r"manual\.link has the same SPI already"):
        loaded(tmp_path, content)


def test_a_plan_shows_no_key(tmp_path: Path) -> None:
    old = loaded(tmp_path, document())
    assert plan_credentials(old, old) == []
    content = document()
    content["secrets"]["manual-in-encr"]["secret"] = "0x" + bytes(range(60, 92)).hex()
    assert plan_credentials(old, loaded(tmp_path, content)) == ["manual SA link: changed"]
    assert bytes(range(32)).hex() not in repr(old)
