"""Checks across sections: does every connection have the credentials that it needs?"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.auth.x509 import matches_identity
from ikeengine.config.build_auth import LocalRound, RemoteRound
from ikeengine.config.build_keys import PrivateKeys
from ikeengine.config.draft import Draft
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.crypto.keys import PublicKey
from ikeengine.model.connection import AuthKind, Mode
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.identity import Identity, IdentityPattern
from ikeengine.model.immutable import immutable
from ikeengine.model.path import is_address
from ikeengine.negotiate.identities import address_identity, canonical, format_identity, matches


@immutable
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


def _is_never_negotiated(draft: Draft) -> bool:
    """Whether a connection consists of pass and drop policies alone, which need no peer."""
    children = draft.config.children.values()
    return bool(children) and all(child.mode in (Mode.PASS, Mode.DROP) for child in children)


def check_credentials(drafts: Sequence[Draft], credentials: Credentials, problems: Problems) -> None:
    """Note every connection that could never authenticate."""
    shared_keys = _SharedKeys(credentials.shared_keys)
    for draft in drafts:
        if _is_never_negotiated(draft):
            continue
        for local, remote in _shared_key_pairs(draft):
            _check_shared_key(draft, local, remote, shared_keys, problems)
        for local in draft.local:
            if local.auth.auth is AuthKind.PUBKEY:
                _check_own_key(local, credentials.private_keys, problems)
        for remote in draft.remote:
            if remote.auth.auth is AuthKind.PUBKEY:
                _check_trust(remote, credentials, problems)


def _shared_key_pairs(draft: Draft) -> list[tuple[LocalRound, RemoteRound]]:
    """Who is who in each round with a pre-shared key; the side with fewer rounds stays what it was in its last one."""
    pairs = []
    for number in range(max(len(draft.local), len(draft.remote))):
        local = draft.local[min(number, len(draft.local) - 1)]
        remote = draft.remote[min(number, len(draft.remote) - 1)]
        ours = number < len(draft.local) and local.auth.auth is AuthKind.PSK
        theirs = number < len(draft.remote) and remote.auth.auth is AuthKind.PSK
        if ours or theirs:
            pairs.append((local, remote))
    return pairs


def _check_shared_key(
    draft: Draft, local: LocalRound, remote: RemoteRound, keys: _SharedKeys, problems: Problems
) -> None:
    own, pattern = own_identities(draft, local), remote.auth.id
    if not (local.values.sound(options.LOCAL_AUTH, options.LOCAL_ID) and remote.values.sound(options.REMOTE_ID)):
        return
    if keys.suit(own, pattern):
        return
    ours = format_identity(own[0]) if own else "this host"
    theirs = "any peer" if pattern.text == "%any" else pattern.text
    problems.add(
        local.values.mark_of(options.LOCAL_AUTH),
        local.values.key(options.LOCAL_AUTH),
        f"no pre-shared key for {ours} and {theirs}: add secrets.ike-{draft.config.name} with the `id` of both",
    )


def own_identities(draft: Draft, local: LocalRound) -> tuple[Identity, ...]:
    """What we may call ourselves; empty if that depends on the address we will use."""
    if local.auth.id is not None:
        return (local.auth.id,)
    return tuple(address_identity(address) for address in draft.config.local_addrs if is_address(address))


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


def _check_own_key(local: LocalRound, keys: PrivateKeys, problems: Problems) -> None:
    values = local.values
    if not values.sound(options.LOCAL_CERTS, options.LOCAL_PUBKEYS, options.LOCAL_AUTH) or _sections_broken(local):
        return
    if not local.own and not local.auth.pubkeys and not keys.certificates:
        problems.add(
            values.mark_of(options.LOCAL_AUTH),
            values.key(options.LOCAL_AUTH),
            "`pubkey` needs our certificate: add `certs`, or write `auth: psk`",
        )
    if not keys.broken:
        _check_private_keys(local, keys, problems)
    _check_own_identity(local, problems)


def _check_private_keys(local: LocalRound, keys: PrivateKeys, problems: Problems) -> None:
    named = [
        (options.LOCAL_CERTS, f"the certificate of {certificate.subject_text}", certificate.public_key)
        for certificate in local.own
    ]
    raw = [PublicKey.from_der(der) for der in local.auth.pubkeys]
    named += [(options.LOCAL_PUBKEYS, f"the public key {key.key_id.hex()}", key) for key in raw]
    for option, what, key in named:
        if key.key_id not in keys.key_ids:
            message = f"no private key for {what}: add secrets.private-<name>.file"
            problems.add(local.values.mark_of(option), local.values.key(option), message)


def _sections_broken(local: LocalRound) -> bool:
    return any(not section.sound(options.CERTIFICATE_FILE) for section in local.values.named("cert").values())


def _check_own_identity(local: LocalRound, problems: Problems) -> None:
    """Peers refuse an identity that the certificate does not hold (RFC 7296 section 3.5)."""
    identity, own = local.auth.id, local.own
    if identity is None or not own or any(matches_identity(certificate, identity) for certificate in own):
        return
    held = ", ".join(format_identity(known) for known in own[0].identities)
    problems.add(
        local.values.mark_of(options.LOCAL_ID),
        local.values.key(options.LOCAL_ID),
        f"our certificate does not hold the identity {format_identity(identity)}; it holds {held}",
    )


def _check_trust(remote: RemoteRound, credentials: Credentials, problems: Problems) -> None:
    values, auth = remote.values, remote.auth
    written = (options.REMOTE_AUTH, options.REMOTE_CERTS, options.REMOTE_CACERTS, options.REMOTE_PUBKEYS)
    if auth.certs or auth.cacerts or auth.pubkeys or credentials.authorities or not credentials.complete:
        return
    if values.sound(*written):
        problems.add(
            values.mark_of(options.REMOTE_AUTH),
            values.key(options.REMOTE_AUTH),
            "nobody can vouch for the peer's certificate: add `authorities`, or `cacerts` or `certs` here",
        )
