from __future__ import annotations

import pytest

from ikeengine.registry import CpAttribute, NotifyType, OpenIntEnum, PayloadType
from ikeengine.wire import codepoints

TABLES = [value for name, value in vars(codepoints).items() if name.isupper() and isinstance(value, tuple)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table[0]).__name__)
def test_a_table_holds_the_members_of_the_registry_and_the_unknown(table: tuple[OpenIntEnum, ...]):
    assert [int(member) for member in table] == list(range(256))
    for member in type(table[0]):
        assert table[member] is member


def test_every_table_was_found():
    assert len(TABLES) == 8
    assert codepoints.PAYLOAD_TYPES[PayloadType.SK] is PayloadType.SK


def test_wide_numbers():
    assert codepoints.notify_type(16388) is NotifyType.NAT_DETECTION_SOURCE_IP
    assert codepoints.notify_type(65535) == 65535
    assert codepoints.cp_attribute(1) is CpAttribute.INTERNAL_IP4_ADDRESS
    assert codepoints.cp_attribute(0x7FFF) == 0x7FFF
