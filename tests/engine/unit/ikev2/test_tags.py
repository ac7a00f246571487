"""Marks and XFRM interface IDs of Child SAs."""

from __future__ import annotations

import pytest

from ikeengine.config.problems import ConfigErrors
from ikeengine.config.vici import connection_from_vici
from ikeengine.model.commands import Rekey
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.marks import Mark, Tags
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import psk_pair

WHOLE = 0xFFFFFFFF


def configured(child: dict[str, str], **section: str) -> ConnectionConfig:
    """The options of a connection and its child `net`."""
    return connection_from_vici("left", {**section, "children": {"net": child}})


def tagged(child: dict[str, str], **section: str) -> tuple[Net, Host, Host]:
    """A pair whose left host has these options."""
    wanted = configured(child, **section)
    net_child = wanted.children["net"]
    names = ("mark_in", "mark_in_sa", "mark_out", "set_mark_in", "set_mark_out", "if_id_in", "if_id_out")
    changes = {f"child_{name}": getattr(net_child, name) for name in names}
    return psk_pair(left={**changes, "if_id_in": wanted.if_id_in, "if_id_out": wanted.if_id_out})


def tags(host: Host) -> Tags:
    (child,) = host.children()
    return child.tags


def test_fixed_numbers_are_in_sas_and_policies():
    net, left, _right = tagged({"mark_in": "42", "mark_out": "0x2b/0xff", "set_mark_in": "%same", "if_id_out": "9"})
    net.initiate(left)
    assert tags(left) == Tags(Mark(42, WHOLE), Mark(0x2B, 0xFF), Mark(42, WHOLE), Mark(), 0, 9)
    (policies,) = left.policies.values()
    assert policies.tags == tags(left)
    by_direction = {sa.direction.value: sa for sa in left.sas.values()}
    assert (by_direction["in"].mark, by_direction["in"].set_mark) == (Mark(), Mark(42, WHOLE))
    assert (by_direction["out"].mark, by_direction["out"].if_id) == (Mark(0x2B, 0xFF), 9)


def test_the_inbound_sa_has_a_mark_only_if_asked_to():
    net, left, _right = tagged({"mark_in": "42", "mark_in_sa": "yes"})
    net.initiate(left)
    assert [sa.mark for sa in left.sas.values() if sa.direction.value == "in"] == [Mark(42, WHOLE)]


@pytest.mark.parametrize(("word", "same"), [("%unique", True), ("%unique-dir", False)])
def test_numbers_of_the_engine(word: str, same: bool):
    net, left, _right = tagged({"mark_in": word, "mark_out": word, "if_id_in": word, "if_id_out": word})
    net.initiate(left)
    before = tags(left)
    assert before.mark_in.value
    assert (before.mark_in == before.mark_out) is same
    assert (before.if_id_in == before.if_id_out) is same
    net.settle()
    net.command(left, Rekey(child="net"))
    net.settle()
    assert tags(left) == before, "a rekeyed Child SA has those of the old one"


def test_interface_ids_of_the_connection():
    net, left, _right = tagged({}, if_id_in="%unique", if_id_out="%unique")
    net.initiate(left)
    before = tags(left)
    assert before.if_id_in == before.if_id_out != 0
    assert left.ikes()[0].if_ids == (before.if_id_in, before.if_id_out)
    net.settle()
    net.command(left, Rekey(ike="left"))
    net.settle()
    assert left.ikes()[0].if_ids == (before.if_id_in, before.if_id_out)
    assert tags(left) == before


def test_different_marks_are_different_policies():
    net, left, _right = tagged({"mark_in": "%unique", "mark_out": "%unique"}, if_id_in="3", if_id_out="4")
    net.initiate(left)
    assert (tags(left).if_id_in, tags(left).if_id_out) == (3, 4)
    assert len({child.reqid for child in left.children()}) == 1


@pytest.mark.parametrize("option", ["mark_in", "mark_out", "set_mark_in", "if_id_in"])
@pytest.mark.parametrize("text", ["%uniq", "-1", "1/2/3", "0x1ffffffff", "1/", "blue"])
def test_what_is_no_mark(option: str, text: str):
    with pytest.raises(ConfigErrors, match=option):
        configured({option: text})


def test_a_trap_needs_numbers_that_are_known_before():
    for child, section in (({"mark_out": "%unique"}, {}), ({}, {"if_id_in": "%unique-dir"})):
        with pytest.raises(ConfigErrors, match="needs fixed marks"):
            configured({"start_action": "trap", **child}, remote_addrs="192.0.2.2", **section)
    assert configured({"start_action": "trap", "mark_out": "42"}, remote_addrs="192.0.2.2", if_id_in="7")
