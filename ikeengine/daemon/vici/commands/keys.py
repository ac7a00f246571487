"""load-key, unload-key, get-keys."""

from __future__ import annotations

from ikeengine.crypto.sign import PrivateKey
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.errors import LocalMisuse


async def load_key(request: Request) -> Section:
    """Add a private key, PEM or DER. `id` in the answer names it from now on."""
    kind = request.text("type", "any")
    try:
        key = PrivateKey.load(request.octets("data"))
    except LocalMisuse as error:
        raise CommandFailed(f"parsing {kind.upper()} private key failed: {error}") from error
    return SUCCESS | {"id": request.control.credentials.load_key(key).hex()}


async def unload_key(request: Request) -> Section:
    """Forget a private key that came over the control socket."""
    text = request.text("id")
    if not text:
        raise CommandFailed("key id missing")
    try:
        key_id = bytes.fromhex(text)
    except ValueError:
        raise CommandFailed("key id is not hexadecimal") from None
    if not request.control.credentials.unload_key(key_id):
        raise CommandFailed("key not found")
    return SUCCESS


async def get_keys(request: Request) -> Section:
    """Identifiers of the keys that came over the control socket."""
    return {"keys": [key_id.hex() for key_id in request.control.credentials.key_ids()]}


COMMANDS: dict[str, Handler] = {"load-key": load_key, "unload-key": unload_key, "get-keys": get_keys}
