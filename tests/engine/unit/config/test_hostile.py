"""Whatever is in a file or a message: the only exception is ConfigErrors, and no secret is in its text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikeengine.config.options.child import CHILD
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.options.credentials import AUTHORITY, SECRETS
from ikeengine.config.options.engine import ENGINE
from ikeengine.config.options.root import ROOT
from ikeengine.config.problems import ConfigErrors, Problems
from ikeengine.config.vici import connection_from_vici
from ikeengine.config.yaml_tree import parse_yaml

WORDS = ["yes", "0", "-1", "1h", "10.0.0.0/8", "%any", "psk", "default", "/", "ike:", "0x", "0s=", "a: b", "*", "\x00"]
KEYS = sorted(
    {name for section in (ROOT, CONNECTION, CHILD, SECRETS, AUTHORITY, ENGINE) for name in section.known()}
    | {"local-1", "remote", "secret", "password", "auth", "certs", "cacerts", "x"}
)
SCALARS = st.sampled_from(WORDS) | st.text(max_size=20)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
VICI_VALUES = st.binary(max_size=20) | st.sampled_from([word.encode() for word in WORDS])
SECTIONS = st.recursive(
    VICI_VALUES | st.lists(VICI_VALUES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
HOSTILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@HOSTILE
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_as_yaml(text: str) -> None:
    parse_yaml(text, "f", Problems())


@HOSTILE
@given(tree=st.dictionaries(st.sampled_from(ROOT.known()), TREES, max_size=4))
def test_any_tree_as_a_configuration(gateway: Callable[[], Any], tree: dict[str, Any]) -> None:
    site = gateway()
    with contextlib.suppress(ConfigErrors):
        site.load(yaml.safe_dump(tree))


@HOSTILE
@given(section=st.dictionaries(st.sampled_from([*CONNECTION.known(), "local-1", "x"]), SECTIONS, max_size=6))
def test_any_section_of_vici(section: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigErrors):
        connection_from_vici("a", section)


@pytest.mark.parametrize("prefix", ["", "0x", "0s"])
@pytest.mark.parametrize("shape", ["{value}", "[{value}]", "{{a: {value}}}", "{value}\n    id: [", "!tag {value}"])
@pytest.mark.parametrize("key", ["secret", "password"])
@pytest.mark.parametrize("name", ["ike-1", "private-1"])
def test_secrets_are_never_in_errors(site: Any, prefix: str, shape: str, key: str, name: str) -> None:
    value = shape.format(value=f"{prefix}hunter2")
    text = f"secrets:\n  {name}:\n    {key}: {value}\n"
    errors = site.errors(text)
    assert errors
    assert "hunter2" not in str(errors)
