"""Option types for addresses: where to listen, whom to talk to."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from ikeengine.config.kinds import JsonSchema
from ikeengine.negotiate.addresses import is_range


class Address:
    """One IP address in its canonical form."""

    label = "IP address"

    def parse(self, text: str) -> str:
        """The canonical text of the address."""
        try:
            address = ip_address(text)
        except ValueError:
            raise ValueError(f"`{text}` is not an IP address") from None
        if "%" in str(address):
            raise ValueError(f"`{text}`: scope ids are not supported")
        return str(address)

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string", "minLength": 2}


_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_NUMERIC = re.compile(r"[0-9.]+", re.ASCII)


class HostPattern:
    """What `local_addrs` and `remote_addrs` take: an address, a host name, a subnet, a range, or `%any`."""

    label = "address, host name, subnet, range or %any"

    def parse(self, text: str) -> str:
        """The text in canonical form."""
        if text == "%any":
            return text
        if "/" in text:
            return self._subnet(text)
        if is_range(text):
            return self._range(text)
        if ":" in text or _NUMERIC.fullmatch(text):
            return Address().parse(text)
        numbers = _NUMERIC.fullmatch(text.replace("-", ""))
        if numbers or len(text) > 253 or not _HOST_NAME.fullmatch(text):
            raise ValueError(f"`{text}` is not an address, a host name, a subnet, a range or %any")
        return text.lower()

    def _range(self, text: str) -> str:
        first, last = (ip_address(end) for end in text.split("-"))
        if first.version != last.version or first.packed > last.packed:
            raise ValueError(f"`{text}` is not a range such as 10.0.0.1-10.0.0.9")
        return f"{first}-{last}"

    def _subnet(self, text: str) -> str:
        try:
            return str(ip_network(text, strict=False))
        except ValueError:
            raise ValueError(f"`{text}` is not a subnet such as 10.0.0.0/8") from None

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string", "minLength": 1}


_ENDPOINT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)):(?P<port>[0-9]{1,5})", re.ASCII)


class Endpoint:
    """An IP address and a TCP port to listen on, or nothing."""

    label = "address:port"

    def parse(self, text: str) -> str:
        """`address:port` in canonical form, or the empty text."""
        if not text:
            return ""
        match = _ENDPOINT.fullmatch(text)
        if match is None or not 1 <= int(match["port"]) <= 65535:
            raise ValueError(f"`{text}` is not an address and a port, such as 127.0.0.1:9410 or [::1]:9410")
        address = Address().parse(match["six"] or match["four"])
        return f"[{address}]:{int(match['port'])}" if ":" in address else f"{address}:{int(match['port'])}"

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string"}


ADDRESS = Address()
HOST_PATTERN = HostPattern()
ENDPOINT = Endpoint()
