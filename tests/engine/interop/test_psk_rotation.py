"""Two pre-shared keys of one pair side by side, with strongSwan at the other end (RFC 7296 section 2.15).

charon as responder tries every key too, but answers with the one that it loaded last, whichever has fit. So whoever
initiates to charon has to accept both keys for as long as charon has both.
"""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab
from tests.lab.control import Control, Refused

OLD, NEW = "the key before the rotation", "the key after the rotation"


def give(daemon: Control, *secrets: str) -> None:
    for number, secret in enumerate(secrets):
        daemon.load_psk(secret, LEFT_ID, RIGHT_ID, name=f"key-{number}")


BOTH = [(OLD, NEW), (NEW, OLD)]


@pytest.mark.parametrize("ours", BOTH)
@pytest.mark.parametrize("theirs", [(OLD,), (NEW,), *BOTH])
def test_every_key_of_charon_is_accepted_and_answered_with(
    site: Lab, ours: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    site.connect()
    give(site.engine, *ours)
    give(site.charon, *theirs)
    site.charon.initiate("net")
    site.assert_same_ike()
    site.assert_traffic()


@pytest.mark.parametrize("ours", BOTH)
@pytest.mark.parametrize("theirs", BOTH)
def test_our_first_key_is_used_to_initiate(site: Lab, ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    site.connect()
    give(site.engine, *ours)
    give(site.charon, *theirs)
    site.engine.initiate("net")
    site.assert_same_ike()
    site.assert_traffic()


def test_only_our_first_key_is_used_to_initiate(site: Lab) -> None:
    site.connect()
    give(site.engine, NEW, OLD)
    give(site.charon, OLD)
    with pytest.raises(Refused):
        site.engine.initiate("net")


@pytest.mark.parametrize(("theirs", "works"), [((OLD, NEW), True), ((NEW, OLD), False)])
def test_charon_answers_with_the_key_it_loaded_last(site: Lab, theirs: tuple[str, ...], works: bool) -> None:
    site.connect()
    give(site.engine, NEW)
    give(site.charon, *theirs)
    if works:
        site.engine.initiate("net")
        site.assert_traffic()
    else:
        with pytest.raises(Refused, match="is not authenticated"):
            site.engine.initiate("net")
