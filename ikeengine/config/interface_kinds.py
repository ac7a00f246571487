"""Option types of network devices."""

from __future__ import annotations

import re
from ipaddress import ip_interface

from ikeengine.config.kinds import Integer, JsonSchema, ListOf

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", re.ASCII)


class DeviceName:
    """What the kernel takes as the name of a device, less what makes trouble in file names and scripts."""

    label = "device name"

    def parse(self, text: str) -> str:
        """The name."""
        if not _NAME.fullmatch(text):
            raise ValueError(f"`{text[:40]}` cannot be a device: 1 to 15 letters, digits, `_`, `.` and `-`")
        return text

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string", "pattern": f"^{_NAME.pattern}$"}


class InterfaceAddress:
    """An address with the length of its prefix; without, it is a host's."""

    label = "address/prefix"

    def parse(self, text: str) -> str:
        """The canonical text, always with a prefix."""
        try:
            address = ip_interface(text)
        except ValueError:
            raise ValueError(f"`{text}` is not an address with a prefix, such as 169.254.0.1/30") from None
        if "%" in str(address):
            raise ValueError(f"`{text}`: scope ids are not supported")
        return str(address)

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string", "minLength": 2}


class OctetsOrAuto:
    """A number of octets in a range, or 0."""

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self._number = Integer(0, most)
        self.label = "number"

    def parse(self, text: str) -> int:
        """The number, 0 for `as many as fit`."""
        number = self._number.parse(text)
        if 0 < number < self.least:
            raise ValueError(f"`{text}` is less than {self.least}")
        return number

    def json_schema(self) -> JsonSchema:
        """A number in the range, or its text."""
        return self._number.json_schema()


DEVICE_NAME = DeviceName()
INTERFACE_ADDRESSES = ListOf(InterfaceAddress())
MTU = OctetsOrAuto(576, 65535)
MSS = OctetsOrAuto(536, 65495)
