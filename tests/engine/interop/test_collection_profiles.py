"""strongSwan takes the words of the collection's profiles, and packets go through a tunnel with each."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.engine.interop.lab import Lab
from tests.engine.interop.profiles import Profile, assert_tunnel, each_proposal, load
from tests.lab.control import Refused

HERE = ("modern", "cnsa", "fips", "compat")
NOT_HERE = ("cnsa2", "post_quantum")
"""strongSwan knows ML-KEM and additional key exchanges from 6.0 on: test_collection_profiles_newer.py."""


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Profile]:
    return load(tmp_path_factory.mktemp("collections"))


def test_every_profile_is_tested(profiles: Mapping[str, Profile]) -> None:
    assert {*HERE, *NOT_HERE, "legacy_ikev1"} == set(profiles)


@pytest.mark.parametrize("name", HERE)
def test_tunnel(site: Lab, profiles: Mapping[str, Profile], name: str, initiator: str) -> None:
    assert_tunnel(site, profiles[name], initiator)


@pytest.mark.parametrize("name", HERE)
def test_every_single_proposal(site: Lab, profiles: Mapping[str, Profile], name: str, initiator: str) -> None:
    for peer in list(each_proposal(profiles[name]))[1:]:
        site.reset()
        assert_tunnel(site, profiles[name], initiator, peer=peer)


def test_ikev1(site: Lab, profiles: Mapping[str, Profile], initiator: str) -> None:
    profile = profiles["legacy_ikev1"]
    site.connect(version="1", proposals=profile["ike"], children={"net": {"esp_proposals": profile["esp"]}})
    site.daemon(initiator).initiate("net")
    site.assert_traffic()


@pytest.mark.parametrize("name", NOT_HERE)
def test_too_new(site: Lab, profiles: Mapping[str, Profile], name: str) -> None:
    with pytest.raises(Refused):
        site.charon.load({site.name: {**site.connection("charon"), "proposals": profiles[name]["ike"]}})
