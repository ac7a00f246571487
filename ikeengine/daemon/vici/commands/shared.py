"""load-shared, unload-shared, get-shared."""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.model.secret import Secret

_OTHER_TYPES = ("NTLM", "PPK")
_PASSWORDS = ("EAP", "XAUTH")


async def load_shared(request: Request) -> Section:
    """Add or replace a pre-shared key, or the password of a user."""
    kind = request.text("type")
    if kind.upper() in _OTHER_TYPES:
        raise CommandFailed(f"secrets of type {kind} are not supported, only IKE, EAP and XAUTH are")
    if kind.upper() not in ("IKE", *_PASSWORDS):
        raise CommandFailed(f"invalid shared key type: {kind}")
    secret = Secret(request.octets("data"))
    if not len(secret):
        raise CommandFailed("shared key data missing")
    request.control.credentials.load_shared(
        request.text("id"), secret, request.items("owners"), password=kind.upper() in _PASSWORDS
    )
    return SUCCESS


async def unload_shared(request: Request) -> Section:
    """Forget a pre-shared key; as in strongSwan, one that is not there is fine."""
    name = request.text("id")
    if not name:
        raise CommandFailed("unique identifier missing")
    request.control.credentials.unload_shared(name)
    return SUCCESS


async def get_shared(request: Request) -> Section:
    """Identifiers of the keys that came over the control socket."""
    return {"keys": request.control.credentials.shared_ids()}


COMMANDS: dict[str, Handler] = {
    "load-shared": load_shared,
    "unload-shared": unload_shared,
    "get-shared": get_shared,
}
