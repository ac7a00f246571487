"""`dynamic` selectors of a side whose address nobody knows yet: all that the connection allows."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ikeengine.model.selector import DynamicSelector, SelectorTemplate, TrafficSelector

_EVERYBODY = {4: (bytes(4), b"\xff" * 4), 6: (bytes(16), b"\xff" * 16)}


def resolve_open(
    templates: Iterable[SelectorTemplate], addresses: tuple[str, ...], families: tuple[int, ...] = (4,)
) -> tuple[TrafficSelector, ...]:
    """Selectors for a side with these `local_addrs` or `remote_addrs`. Host names and `%any` allow everybody.

    `families` are the IP versions of what allows everybody.
    """
    ranges = tuple(dict.fromkeys(r for address in addresses for r in _ranges(address, families)))
    found: list[TrafficSelector] = []
    for template in templates:
        if isinstance(template, DynamicSelector):
            ports = (template.protocol, template.first_port, template.last_port)
            found += [TrafficSelector(first, last, *ports) for first, last in ranges]
        else:
            found.append(template)
    return tuple(dict.fromkeys(found))


def families_of(*addresses: str) -> tuple[int, ...]:
    """The IP versions that addresses speak of; IPv4 if they do not say."""
    known = {6 if ":" in text or text == "%any6" else 4 for text in addresses if text not in ("%any", "")}
    return tuple(sorted(known)) or (4,)


def _ranges(text: str, families: tuple[int, ...]) -> list[tuple[bytes, bytes]]:
    if text in ("%any4", "%any6"):
        return [_EVERYBODY[int(text[-1])]]
    try:
        if "-" in text:
            first, last = (ip_address(end.strip()).packed for end in text.split("-", 1))
            return [(first, last)] if len(first) == len(last) else []
        network = ip_network(text, strict=False)
    except ValueError:
        return [_EVERYBODY[family] for family in families]
    return [(network[0].packed, network[-1].packed)]
