"""What a connection demands of a peer's chain beyond its validity: keys and hashes, and certificate policies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ikeengine.auth.policies import check_policies
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.policy_extensions import ANY_POLICY
from ikeengine.crypto.signature_schemes import HASH_NAMES, Constraint, parse_constraint
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import RemoteAuth
from ikeengine.model.failure import Alert

TOO_WEAK = "key-strength"
"""The `check` of the AuthFailed for a chain with a key or a hash that `remote.auth` does not allow."""


def check_demands(chain: Sequence[Certificate], remote: RemoteAuth) -> None:
    """Check a valid chain, end entity first. Raises AuthFailed("cert-policy-violation" or "key-strength")."""
    for text in remote.chain_constraints:
        _check_strength(chain, parse_constraint(text), text)
    if remote.cert_policy:
        _check_policy(chain, remote.cert_policy)


def _check_policy(chain: Sequence[Certificate], demanded: Sequence[str]) -> None:
    found = check_policies(chain)
    missing = [oid for oid in demanded if oid not in found and ANY_POLICY not in found]
    if missing:
        held = ", ".join(sorted(found)) or "none"
        detail = f"{chain[0].described}: not valid for the policy {missing[0]} of `remote.cert_policy`, only for {held}"
        raise AuthFailed(Alert.CERT_POLICY_VIOLATION.value, detail)


def _check_strength(chain: Sequence[Certificate], constraints: Sequence[Constraint], text: str) -> None:
    for certificate in chain:
        key = certificate.public_key
        if not any(_is_kind(c, key.kind) and key.bits >= c.min_bits for c in constraints):
            what = f"its {key.kind} key of {key.bits} bits is not allowed by `remote.auth: {text}`"
            raise AuthFailed(TOO_WEAK, f"{certificate.described}: {what}")
    for certificate, issuer in pairwise(chain):
        kind, hash_name = certificate.signature_algorithm
        fitting = [
            c for c in constraints if _is_kind(c, issuer.public_key.kind) and (c.kind != "rsa/pss" or kind == c.kind)
        ]
        if not any(not hash_name or not c.hashes or HASH_NAMES.get(hash_name) in c.hashes for c in fitting):
            what = f"its signature {kind} {hash_name} is not allowed by `remote.auth: {text}`"
            raise AuthFailed(TOO_WEAK, f"{certificate.described}: {what}")


def _is_kind(constraint: Constraint, kind: str) -> bool:
    return constraint.kind == "pubkey" or constraint.kind.partition("/")[0] == kind
