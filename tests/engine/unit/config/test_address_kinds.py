from __future__ import annotations

import pytest

from ikeengine.config.address_kinds import ADDRESS, ENDPOINT, HOST_PATTERN


@pytest.mark.parametrize(
    ("text", "canonical"), [("192.0.2.1", "192.0.2.1"), ("2001:DB8:0::1", "2001:db8::1")]
)  # fmt: skip
def test_addresses_become_canonical(text: str, canonical: str) -> None:
    assert ADDRESS.parse(text) == canonical


def test_addresses_have_no_scope() -> None:
    with pytest.raises(ValueError, match="scope ids"):
        ADDRESS.parse("fe80::1%eth0")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("%any", "%any"), ("192.0.2.1", "192.0.2.1"), ("10.0.0.1/8", "10.0.0.0/8"), ("2001:DB8::/32", "2001:db8::/32"),
     ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"), ("GW2.example.com", "gw2.example.com"), ("peer-1", "peer-1")],
)  # fmt: skip
def test_hosts_are_addresses_names_subnets_or_any(text: str, canonical: str) -> None:
    assert HOST_PATTERN.parse(text) == canonical


@pytest.mark.parametrize("text", ["192.0.2.300", "1.2.3", "1-2", "host name", "-x", "x" * 254, "10.0.0.0/33", ":::"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        HOST_PATTERN.parse(text)


@pytest.mark.parametrize("text", ["10.0.0.9-10.0.0.1", "10.0.0.1-2001:db8::1"])
def test_ranges_begin_before_they_end(text: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        HOST_PATTERN.parse(text)


@pytest.mark.parametrize(
    ("text", "canonical"), [("127.0.0.1:9410", "127.0.0.1:9410"), ("[0::1]:80", "[::1]:80"), ("", "")]
)  # fmt: skip
def test_endpoints_are_address_and_port(text: str, canonical: str) -> None:
    assert ENDPOINT.parse(text) == canonical


@pytest.mark.parametrize("text", ["localhost:80", "127.0.0.1", "127.0.0.1:0", "::1:80", "127.0.0.1:65536", "1.2.3:4"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an"):
        ENDPOINT.parse(text)
