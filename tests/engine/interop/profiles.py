"""The profiles of proposals as the collection has them, and a tunnel with each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.engine.interop.lab import Lab
from tests.engine.support.collection import plugin_utils

Profile = Mapping[str, Any]


def load(directory: Path) -> Mapping[str, Profile]:
    """All of them, by name. `directory` is where the link to the collection goes."""
    profiles: Mapping[str, Profile] = plugin_utils("_mesh_profiles", directory).PROFILES
    return profiles


def each_proposal(profile: Profile) -> Iterator[tuple[str, str]]:
    """Pairs of one IKE and one ESP proposal, so that each occurs: a peer that has only these."""
    ike, esp = profile["ike"], profile["esp"]
    count = max(len(ike), len(esp))
    return zip(
        itertools.islice(itertools.cycle(ike), count), itertools.islice(itertools.cycle(esp), count), strict=True
    )


def assert_tunnel(site: Lab, profile: Profile, initiator: str, *, peer: tuple[str, str] | None = None) -> None:
    """Packets go through a tunnel with the profile, and through one with new keys, for which ESP's exchange is used.

    `peer` is all that strongSwan has, if that is less than the profile.
    """
    ours = {"proposals": profile["ike"], "children": {"net": {"esp_proposals": profile["esp"]}}}
    theirs = {"proposals": [peer[0]], "children": {"net": {"esp_proposals": [peer[1]]}}} if peer else ours
    site.connect(engine=ours, charon=theirs)
    site.daemon(initiator).initiate("net")
    ike, _ = site.assert_same_ike()
    site.assert_traffic()
    site.rekey_child(initiator)
    mine, seen = site.assert_same_child()
    site.assert_traffic()
    ike_used, esp_used = theirs["proposals"][0], theirs["children"]["net"]["esp_proposals"][0]
    assert ("ke1_" in ike_used) == ("ake1" in ike)
    assert ("ke1_" in esp_used) == ("ake1" in mine)
    assert (mine["dh-group"], mine.get("ake1")) == (seen["dh-group"], seen.get("ake1"))
