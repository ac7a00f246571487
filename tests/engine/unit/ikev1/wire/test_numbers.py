"""Numbers where a slip would go unnoticed between two engines of our own: against those of IKEv2 and of the RFCs."""

from __future__ import annotations

import pytest

from ikeengine import registry
from ikeengine.ikev1.wire import algorithms, numbers
from ikeengine.registry import OpenIntEnum


def enums(module) -> list[type[OpenIntEnum]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, OpenIntEnum) and value is not OpenIntEnum
    ]


@pytest.mark.parametrize("kind", enums(numbers) + enums(algorithms), ids=lambda kind: kind.__name__)
def test_unknown_numbers_survive(kind: type[OpenIntEnum]):
    assert len(kind) >= 1
    assert kind(99999) == 99999
    assert not kind(99999).known
    assert all(member.known for member in kind)


def test_identities_have_the_numbers_of_ikev2():
    for kind in registry.IdType:
        if kind.name != "ID_NULL":
            assert numbers.IdType(int(kind)).name in {kind.name, "ID_USER_FQDN"}


def test_esp_ciphers_have_the_numbers_of_ikev2():
    same = (
        "AES_CBC",
        "AES_CTR",
        "AES_CCM_8",
        "AES_CCM_12",
        "AES_CCM_16",
        "AES_GCM_8",
        "AES_GCM_12",
        "AES_GCM_16",
        "NULL",
    )
    for name in same:
        assert algorithms.EspTransform[name] == int(registry.EncrId[name])


def test_ah_transforms_are_the_algorithms_of_the_attribute():
    """From SHA2-256 on the two registries agree."""
    for number in (5, 6, 7, 9, 11, 12, 13):
        ah, attribute = algorithms.AhTransform(number), algorithms.AuthAlgorithm(number)
        assert attribute.name.endswith(ah.name)


def test_errors_of_rfc_2408():
    assert [kind.value for kind in numbers.NotifyType if kind.is_error] == list(range(1, 31))


def test_xauth_methods_come_in_pairs():
    """draft-beaulieu-ike-xauth-02 section 5: what the initiator says and what the responder says."""
    for method in algorithms.AuthMethod:
        if "_INIT_" in method.name:
            assert algorithms.AuthMethod(method + 1).name == method.name.replace("_INIT_", "_RESP_")
    assert algorithms.AuthMethod.XAUTH_INIT_PRE_SHARED == 65001
    assert algorithms.AuthMethod.HYBRID_INIT_RSA == 64221


def test_unity_attributes_that_ikev2_borrows():
    for name in ("UNITY_SPLIT_INCLUDE", "UNITY_LOCAL_LAN"):
        assert numbers.UnityAttribute[name] == int(registry.CpAttribute[name])
