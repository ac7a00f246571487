"""Name constraints of certification authorities (RFC 5280 sections 4.2.1.10 and 6.1.4 g)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ikeengine.crypto import names
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.extensions import NameConstraints
from ikeengine.crypto.general_names import GeneralName, NameKind
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.path import is_address


class _CannotTellError(Exception):
    """A name cannot be compared with a constraint of its kind, so it violates the constraint."""


def check_names(certificate: Certificate, constraints: NameConstraints) -> None:
    """Check every name of a certificate against the constraints of one CA above it.

    Raises AuthFailed("cert-policy-violation").
    """
    permitted, excluded = _by_kind(constraints.permitted), _by_kind(constraints.excluded)
    for name in _names(certificate):
        try:
            complaint = _complaint(name.value, permitted.get(name.kind), excluded.get(name.kind, []), _RULES[name.kind])
        except _CannotTellError:
            complaint = "cannot be compared with the constraints"
        if complaint:
            shown = names.format_name(name.value) if name.kind == NameKind.DN else ascii(name.value)[1:]
            detail = f"{certificate.described}: the {name.kind.value} {shown} {complaint} of an authority above"
            raise AuthFailed(Alert.CERT_POLICY_VIOLATION.value, detail)


_Rule = Callable[[bytes, bytes], bool]


def _complaint(value: bytes, permitted: list[bytes] | None, excluded: list[bytes], within: _Rule) -> str:
    if permitted is not None and not any(within(value, subtree) for subtree in permitted):
        return "is in no permitted subtree"
    if any(within(value, subtree) for subtree in excluded):
        return "is in an excluded subtree"
    return ""


def _by_kind(subtrees: tuple[GeneralName, ...]) -> dict[NameKind, list[bytes]]:
    kinds: dict[NameKind, list[bytes]] = {}
    for subtree in subtrees:
        kinds.setdefault(subtree.kind, []).append(subtree.value)
    return kinds


def _names(certificate: Certificate) -> Iterator[GeneralName]:
    """The subject, the alternative names, and the email addresses in the subject if no alternative name is one."""
    if not names.is_empty(certificate.subject):
        yield GeneralName(NameKind.DN, certificate.subject)
    yield from certificate.extensions.names
    if not any(name.kind == NameKind.EMAIL for name in certificate.extensions.names):
        for email in names.values_of(certificate.subject, "E"):
            yield GeneralName(NameKind.EMAIL, email.encode())


def _host_within(host: bytes, subtree: bytes) -> bool:
    """A host is in `.example.com` if it is below it, and in `example.com` if it is that host."""
    host, subtree = host.lower().rstrip(b"."), subtree.lower()
    return host.endswith(subtree) if subtree.startswith(b".") else host == subtree or not subtree


def _dns_within(name: bytes, subtree: bytes) -> bool:
    return _host_within(name, subtree) or _host_within(name, b"." + subtree.lstrip(b"."))


def _email_within(address: bytes, subtree: bytes) -> bool:
    local, at, host = address.rpartition(b"@")
    if not at:
        raise _CannotTellError
    wanted_local, at, wanted_host = subtree.rpartition(b"@")
    if at:
        return local == wanted_local and host.lower() == wanted_host.lower()
    return _host_within(host, subtree)


def _ip_within(address: bytes, subtree: bytes) -> bool:
    """The subtree is a network and its mask."""
    size = len(address)
    if len(subtree) != 2 * size:
        return False
    mask = int.from_bytes(subtree[size:])
    return int.from_bytes(address) & mask == int.from_bytes(subtree[:size]) & mask


def _dn_within(name: bytes, subtree: bytes) -> bool:
    """A name is in a subtree if it starts with the subtree's attributes."""
    wanted = names.comparable(subtree)
    return names.comparable(name)[: len(wanted)] == wanted  # both were parsed before, so neither is malformed


def _uri_within(uri: bytes, subtree: bytes) -> bool:
    return _host_within(_uri_host(uri), subtree)


def _uri_host(uri: bytes) -> bytes:
    """The host of a URI, which must be a name for constraints to apply (RFC 5280 section 4.2.1.10)."""
    try:
        host = urlsplit(uri.decode()).hostname or ""
    except ValueError:
        raise _CannotTellError from None
    if not host or is_address(host):
        raise _CannotTellError
    return host.encode()


def _other_within(_name: bytes, _subtree: bytes) -> bool:
    raise _CannotTellError


_RULES: dict[NameKind, _Rule] = {
    NameKind.DNS: _dns_within,
    NameKind.EMAIL: _email_within,
    NameKind.IP: _ip_within,
    NameKind.DN: _dn_within,
    NameKind.URI: _uri_within,
    NameKind.OTHER: _other_within,
}
