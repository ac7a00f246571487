from __future__ import annotations

import pytest

from ikeengine.config.build_child import build_child
from ikeengine.config.options.child import CHILD
from ikeengine.config.problems import Problems
from ikeengine.config.reader import read
from ikeengine.config.yaml_tree import parse_yaml
from ikeengine.model.connection import ChildConfig
from ikeengine.model.proposal import Transform
from ikeengine.negotiate.truncation import truncated
from ikeengine.registry import IntegId, Protocol, TransformType


def build(text: str) -> tuple[ChildConfig, list[str]]:
    problems = Problems()
    values = read(CHILD, parse_yaml(text, "f", problems), "net", problems)
    child = build_child("net", values, 2, problems)
    return child, [str(error) for error in problems.sorted()]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("", (3600, 3960, 360)),
        ("rekey_time: 10m", (600, 660, 60)),
        ("rekey_time: 0", (0, 0, 0)),
        ("rekey_time: 0\nlife_time: 1h", (0, 3600, 0)),
        ("life_time: 2h", (3600, 7200, 1800)),
        ("life_time: 0", (3600, 0, 0)),
        ("rand_time: 0", (3600, 3960, 0)),
    ],
)
def test_lifetimes_depend_on_each_other_as_in_swanctl(text: str, times: tuple[float, float, float]) -> None:
    child, errors = build(text)
    assert errors == []
    assert (child.rekey_time, child.life_time, child.rand_time) == times


@pytest.mark.parametrize(
    ("text", "volumes"),
    [
        ("", (0, 0, 0)),
        ("rekey_bytes: 1000", (1000, 1100, 100)),
        ("rekey_bytes: 1k\nlife_bytes: 2k\n", (1024, 2048, 512)),
    ],
)
def test_volumes_depend_on_each_other_as_in_swanctl(text: str, volumes: tuple[int, int, int]) -> None:
    child, _ = build(text)
    assert (child.rekey_bytes, child.life_bytes, child.rand_bytes) == volumes


def test_an_sa_must_not_end_before_it_is_rekeyed() -> None:
    _, errors = build("life_time: 30m\nrekey_packets: 100\nlife_packets: 50\n")
    assert errors == [
        "f:1:1: net.life_time: 30m is shorter than rekey_time (1h): the SA would end before it is rekeyed",
        "f:3:1: net.life_packets: 50 is shorter than rekey_packets (100): the SA would end before it is rekeyed",
    ]


def test_an_sa_must_not_be_rekeyed_at_once() -> None:
    _, errors = build("rand_time: 1h\n")
    assert errors == ["f:1:1: net.rand_time: 1h is not less than rekey_time (1h): the SA could be rekeyed at once"]


def test_a_broken_time_draws_no_conclusions() -> None:
    _, errors = build("rekey_time: soon\nlife_time: 1m\n")
    assert len(errors) == 1


@pytest.mark.parametrize(("text", "bits"), [("", 12), ("sha256_96: yes", 1027)])
def test_truncation_of_old_peers(text: str, bits: int) -> None:
    child, errors = build(text + "\n")
    assert errors == []
    sha256 = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)
    found = truncated(sha256, old=child.sha256_96)
    assert found is not None
    assert found.id == bits
    for other in (None, Transform(TransformType.INTEG, IntegId.HMAC_SHA1_96)):
        assert truncated(other, old=True) == other


def test_ah_alone_or_around_esp() -> None:
    child, errors = build("ah_proposals: sha256\n")
    assert errors == []
    assert [p.protocol for p in child.esp_proposals] == [Protocol.AH]
    assert child.ah_proposals == ()
    child, errors = build("esp_proposals: aes128gcm16\nah_proposals: sha256\n")
    assert [p.protocol for p in (*child.esp_proposals, *child.ah_proposals)] == [Protocol.ESP, Protocol.AH]
