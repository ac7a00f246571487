from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ikeengine.config.tree import Entry, Mapping, Scalar, Sequence, from_vici, octets, text_of


def test_a_vici_section_becomes_a_tree() -> None:
    assert from_vici({"a": b"1", "b": ["x", b"y"], "c": {"d": "z"}}) == Mapping(
        (
            Entry("a", Scalar("1")),
            Entry("b", Sequence((Scalar("x"), Scalar("y")))),
            Entry("c", Mapping((Entry("d", Scalar("z")),))),
        )
    )


@settings(deadline=None)
@given(st.binary())
def test_octets_survive_their_text_form(data: bytes) -> None:
    assert octets(text_of(data)) == data
