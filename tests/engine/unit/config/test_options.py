"""The tables themselves: complete, consistent, and with defaults that are values of their types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest

from ikeengine.config.options.child import CHILD
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.options.engine import ENGINE
from ikeengine.config.options.root import ROOT
from ikeengine.config.schema import Section
from ikeengine.model.connection import ChildConfig, ConnectionConfig, EngineSettings

# swanctl.conf(5) of strongSwan 6: the options of a connection and of a child.
SWANCTL_CONNECTION = """
version local_addrs remote_addrs local_port remote_port proposals vips aggressive pull dscp encap mobike
dpd_delay dpd_timeout fragmentation childless send_certreq send_cert ocsp ppk_id ppk_required keyingtries
unique reauth_time rekey_time over_time rand_time pools if_id_in if_id_out mediation mediated_by
mediation_peer
"""
SWANCTL_CHILD = """
ah_proposals esp_proposals sha256_96 local_ts remote_ts rekey_time life_time rand_time rekey_bytes life_bytes
rand_bytes rekey_packets life_packets rand_packets updown hostaccess mode policies policies_fwd_out dpd_action
ipcomp inactivity reqid priority interface mark_in mark_in_sa mark_out set_mark_in set_mark_out if_id_in
if_id_out label label_mode tfc_padding replay_window per_cpu_sas hw_offload copy_df copy_ecn copy_dscp icmp
start_action close_action
"""


def sections(section: Section = ROOT) -> Iterator[Section]:
    yield section
    for part in section.sections:
        yield from sections(part.section)


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.path or "top")
def test_names_are_unique_and_helps_are_one_line(section: Section) -> None:
    known = section.known()
    assert len(known) == len(set(known))
    for option in section.options:
        assert option.help.endswith("."), option.name
        assert "\n" not in option.help


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.path or "top")
def test_defaults_are_values_of_their_types(section: Section) -> None:
    for option in section.options:
        option.default_value()
        assert option.default is not None or option.derived or option.default_value() is None
    for fixed in section.fixed:
        if fixed.accepted is not None:
            assert fixed.takes(fixed.accepted), fixed.name


def test_every_option_of_swanctl_is_known() -> None:
    assert [name for name in SWANCTL_CONNECTION.split() if name not in CONNECTION.known()] == []
    assert [name for name in SWANCTL_CHILD.split() if name not in CHILD.known()] == []


def test_every_field_of_the_model_has_its_option() -> None:
    assert {field.name for field in fields(ConnectionConfig)} - {"name"} <= set(CONNECTION.known())
    assert {field.name for field in fields(ChildConfig)} - {"name"} <= set(CHILD.known())
    assert {field.name for field in fields(EngineSettings)} <= set(ENGINE.known())
