from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from ikeengine.config.json_schema import json_schema

GOOD = """
connections:
  site-b:
    version: 2
    local_addrs: 192.0.2.1
    remote_addrs: [192.0.2.2]
    proposals: [aes256gcm16-prfsha384-x25519, default]
    rekey_time: 4h
    dpd_delay: 30
    mobike: no
    fragmentation: false
    local-1: {auth: psk, id: gw1.example.com}
    remote: {auth: psk, id: "*.example.com"}
    children:
      net: {rekey_time: 1.5h, rekey_bytes: 1g, start_action: trap, copy_dscp: out, policies: yes}
      two:
secrets:
  ike-b: {secret: 0x000102030405060708090a0b0c0d0e0f, id: [gw1.example.com], id-2: "*.example.com"}
engine:
  listen: [192.0.2.1]
  datapath: auto
  retransmit_base: 1.8
  log: {default: 1, ike: 2}
"""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_plain_json() -> None:
    assert json.loads(json.dumps(json_schema())) == json_schema()


def test_what_the_loader_takes_the_schema_takes(site: Any, validator: jsonschema.Draft202012Validator) -> None:
    assert site.load(GOOD).connections
    assert list(validator.iter_errors(yaml.safe_load(GOOD))) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(colour="blue"),
        lambda c: c.update(pools={"a": {"addrs": "10.3.0.0/24", "dnz": "10.3.0.1"}}),
        lambda c: c["connections"]["site-b"].update(remote_addr=["192.0.2.2"]),
        lambda c: c["connections"]["site-b"].update(vips=5),
        lambda c: c["connections"]["site-b"].update(version=3),
        lambda c: c["connections"]["site-b"].update(rekey_time="soon"),
        lambda c: c["connections"]["site-b"]["local-1"].update(eap_id="x"),
        lambda c: c["connections"]["site-b"]["children"]["net"].update(mode="beet"),
        lambda c: c["connections"]["site-b"]["children"]["net"].update(policies="maybe"),
        lambda c: c["secrets"].update({"ntlm-x": {"secret": "y"}}),
        lambda c: c["engine"].update(port=0),
        lambda c: c["engine"].update(port=[500]),
        lambda c: c["engine"]["log"].update(ike=9),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(
    change: Callable[[Any], None], site: Any, validator: jsonschema.Draft202012Validator
) -> None:
    document = yaml.safe_load(GOOD)
    change(document)
    assert list(validator.iter_errors(document)) != []
    document["secrets"]["ike-b"]["secret"] = "correct horse battery staple"
    assert site.errors(yaml.safe_dump(document))
