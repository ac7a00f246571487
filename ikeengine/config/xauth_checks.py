"""Does every connection with XAUTH have the passwords that it needs, or the program that knows them?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.auth.passwords import names_user
from ikeengine.config.build_auth import LocalRound
from ikeengine.config.configuration import EngineConfig
from ikeengine.config.draft import Draft
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.model.connection import AuthKind, XauthBackend
from ikeengine.model.credentials import SharedKey
from ikeengine.negotiate.identities import format_identity


def check_xauth(
    drafts: Iterable[Draft], passwords: Sequence[SharedKey], engine: EngineConfig, problems: Problems
) -> None:
    """Note every connection whose XAUTH could never succeed."""
    for draft in drafts:
        for local in draft.local:
            if local.auth.auth is AuthKind.XAUTH:
                _check_user(draft, local, passwords, problems)
        for remote in draft.remote:
            if remote.auth.auth is not AuthKind.XAUTH:
                continue
            by_secret = remote.auth.xauth is XauthBackend.GENERIC
            if not (passwords if by_secret else engine.xauth_command):
                secrets, program = (
                    "are no passwords: add secrets.xauth-<name>",
                    "is no program: set engine.xauth_command",
                )
                mark, key = remote.values.mark_of(options.REMOTE_AUTH), remote.values.key(options.REMOTE_AUTH)
                problems.add(mark, key, f"there {secrets if by_secret else program}")


def _check_user(draft: Draft, local: LocalRound, passwords: Sequence[SharedKey], problems: Problems) -> None:
    values, user = (
        local.values,
        local.auth.xauth_id
        or next((round.auth.id for round in (local, *draft.local) if round.auth.id is not None), None),
    )
    if not values.sound(options.LOCAL_AUTH, options.LOCAL_ID, options.XAUTH_ID):
        return
    if user is None:
        problems.add(values.mark, values.key(options.XAUTH_ID), "a user name is missing: write `xauth_id`")
    elif not any(names_user(key, user.data) for key in passwords):
        text = f"no password for {format_identity(user)}: add secrets.xauth-{draft.config.name} with this `id`"
        problems.add(values.mark_of(options.XAUTH_ID), values.key(options.XAUTH_ID), text)
