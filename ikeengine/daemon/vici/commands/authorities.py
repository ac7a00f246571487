"""load-authority, unload-authority, get-authorities, list-authorities."""

from __future__ import annotations

from ikeengine.config.certificates import certificates_from
from ikeengine.daemon.vici.codec import Message, Value
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request, plain
from ikeengine.model.credentials import Authority

_OPTIONS = ("cacert", "crl_uris", "ocsp_uris", "cert_uri_base")


async def load_authority(request: Request) -> Section:
    """Add or replace authorities."""
    authorities = [_authority(name, section) for name, section in request.message.items()]
    for authority in authorities:
        request.control.credentials.load_authority(authority)
    return SUCCESS


def _authority(name: str, section: Value) -> Authority:
    if not isinstance(section, dict):
        raise CommandFailed(f"invalid value for: {name}, authority discarded")
    for key in section:
        if key not in _OPTIONS:
            raise CommandFailed(f"unknown option: {key}, authority discarded")
    if "cacert" not in section:
        raise CommandFailed(f"CA certificate missing: {name}")
    try:
        certificate = certificates_from(plain("cacert", section["cacert"]))[0]
    except ValueError as error:
        raise CommandFailed(f"invalid value for: cacert, authority discarded: {error}") from error
    base = plain("cert_uri_base", section.get("cert_uri_base", b"")).decode("ascii", "replace")
    return Authority(name, certificate.der, _uris(section, "crl_uris"), _uris(section, "ocsp_uris"), base)


def _uris(section: Message, key: str) -> tuple[str, ...]:
    value = section.get(key, [])
    items = value if isinstance(value, list) else [plain(key, value)]
    return tuple(item.decode("utf-8", "backslashreplace") for item in items)


async def unload_authority(request: Request) -> Section:
    """Forget an authority."""
    name = request.text("name")
    if not name:
        raise CommandFailed("unload: missing authority name")
    if not request.control.credentials.unload_authority(name):
        raise CommandFailed(f"unload: authority '{name}' not found")
    return SUCCESS


async def get_authorities(request: Request) -> Section:
    """Names of the authorities that came over the control socket."""
    return {"authorities": request.control.credentials.authority_names()}


async def list_authorities(request: Request) -> Section:
    """Stream all named authorities as `list-authority` events."""
    wanted = request.text("name")
    for authority in request.control.credentials.authorities():
        if wanted in ("", authority.name):
            subject = request.control.subject_of(authority.certificate)
            section = {
                "cacert": subject,
                "crl_uris": list(authority.crl_uris),
                "ocsp_uris": list(authority.ocsp_uris),
            }
            if authority.cert_uri_base:
                section["cert_uri_base"] = authority.cert_uri_base
            await request.session.stream("list-authority", {authority.name: section})
    return {}


COMMANDS: dict[str, Handler] = {
    "load-authority": load_authority,
    "unload-authority": unload_authority,
    "get-authorities": get_authorities,
    "list-authorities": list_authorities,
}
