"""Checks across sections: does every connection have the credentials that it needs?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from ikeengine.auth.x509 import matches_identity
from ikeengine.config.build_connection import Draft
from ikeengine.config.build_credentials import PrivateKeys
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.model.connection import AuthKind
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.identity import Identity, IdentityPattern
from ikeengine.negotiate.identities import canonical, format_identity, matches, parse_identity


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the sections `secrets` and `authorities` offer."""

    shared_keys: Sequence[SharedKey]
    private_keys: PrivateKeys
    authorities: Sequence[Authority]
    complete: bool
    """Whether all authorities could be read."""


class _SharedKeys:
    """The pre-shared keys with an index of their owners, since a mesh has a key for each pair."""

    def __init__(self, keys: Sequence[SharedKey]) -> None:
        self._keys = keys
        self._for_all = any(not key.owners for key in keys)
        self._owners = {canonical(owner.exact) for key in keys for owner in key.owners if owner.exact is not None}

    def suit(self, local: tuple[Identity, ...], remote: IdentityPattern) -> bool:
        """Whether one of the keys may be meant for this pair."""
        if self._for_all or (remote.exact is not None and canonical(remote.exact) in self._owners):
            return True
        return any(_suits(key, local, remote) for key in self._keys)


def check_credentials(drafts: Sequence[Draft], credentials: Credentials, problems: Problems) -> None:
    """Note every connection that could never authenticate."""
    shared_keys = _SharedKeys(credentials.shared_keys)
    for draft in drafts:
        kinds = draft.config.local[0].auth, draft.config.remote[0].auth
        if AuthKind.PSK in kinds:
            _check_shared_key(draft, shared_keys, problems)
        if kinds[0] is AuthKind.PUBKEY:
            _check_own_certificate(draft, credentials.private_keys, problems)
        if kinds[1] is AuthKind.PUBKEY:
            _check_trust(draft, credentials, problems)


def _check_shared_key(draft: Draft, keys: _SharedKeys, problems: Problems) -> None:
    local, remote = _own_identities(draft), draft.config.remote[0].id
    if not (draft.local.sound(options.LOCAL_AUTH, options.LOCAL_ID) and draft.remote.sound(options.REMOTE_ID)):
        return
    if keys.suit(local, remote):
        return
    ours = format_identity(local[0]) if local else "this host"
    theirs = "any peer" if remote.text == "%any" else remote.text
    problems.add(
        draft.local.mark_of(options.LOCAL_AUTH),
        draft.local.key(options.LOCAL_AUTH),
        f"no pre-shared key for {ours} and {theirs}: add secrets.ike-{draft.config.name} with the `id` of both",
    )


def _own_identities(draft: Draft) -> tuple[Identity, ...]:
    """What we may call ourselves; empty if that depends on the address we will use."""
    own = draft.config.local[0].id
    if own is not None:
        return (own,)
    return tuple(identity for address in draft.config.local_addrs if (identity := _address_identity(address)))


@cache
def _address_identity(address: str) -> Identity | None:
    try:
        ip_address(address)
    except ValueError:
        return None
    return parse_identity(address)


def _suits(key: SharedKey, local: tuple[Identity, ...], remote: IdentityPattern) -> bool:
    """Whether a key with owners may be meant for this pair: for the peer, or for us alone with any peer."""
    if any(_overlap(owner, remote) for owner in key.owners):
        return True
    if not local:
        return len(key.owners) == 1
    return all(any(matches(owner, identity) for identity in local) for owner in key.owners)


def _overlap(owner: IdentityPattern, remote: IdentityPattern) -> bool:
    """Whether some identity can match both patterns; two patterns with wildcards get the benefit of the doubt."""
    if remote.exact is not None:
        return matches(owner, remote.exact)
    return owner.exact is None or matches(remote, owner.exact)


def _check_own_certificate(draft: Draft, keys: PrivateKeys, problems: Problems) -> None:
    values, option = draft.local, options.LOCAL_CERTS
    if not values.sound(option, options.LOCAL_AUTH) or _certificate_sections_broken(draft):
        return
    if not draft.own:
        problems.add(
            values.mark_of(options.LOCAL_AUTH),
            values.key(options.LOCAL_AUTH),
            "`pubkey` needs our certificate: add `certs`, or write `auth: psk`",
        )
    for certificate in draft.own:
        if certificate.public_key.key_id not in keys.key_ids and not keys.broken:
            message = (
                f"no private key for the certificate of {certificate.subject_text}: add secrets.private-<name>.file"
            )
            problems.add(values.mark_of(option), values.key(option), message)
    _check_own_identity(draft, problems)


def _certificate_sections_broken(draft: Draft) -> bool:
    return any(not section.sound(options.CERTIFICATE_FILE) for section in draft.local.named("cert").values())


def _check_own_identity(draft: Draft, problems: Problems) -> None:
    """Peers refuse an identity that the certificate does not hold (RFC 7296 section 3.5)."""
    identity = draft.config.local[0].id
    if identity is None or not draft.own or any(matches_identity(cert, identity) for cert in draft.own):
        return
    held = ", ".join(format_identity(known) for known in draft.own[0].identities)
    problems.add(
        draft.local.mark_of(options.LOCAL_ID),
        draft.local.key(options.LOCAL_ID),
        f"our certificate does not hold the identity {format_identity(identity)}; it holds {held}",
    )


def _check_trust(draft: Draft, credentials: Credentials, problems: Problems) -> None:
    values = draft.remote
    remote = draft.config.remote[0]
    written = (options.REMOTE_AUTH, options.REMOTE_CERTS, options.REMOTE_CACERTS)
    if remote.certs or remote.cacerts or credentials.authorities or not credentials.complete:
        return
    if values.sound(*written):
        problems.add(
            values.mark_of(options.REMOTE_AUTH),
            values.key(options.REMOTE_AUTH),
            "nobody can vouch for the peer's certificate: add `authorities`, or `cacerts` or `certs` here",
        )
