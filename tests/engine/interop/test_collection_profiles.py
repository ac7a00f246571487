"""strongSwan takes the words of the collection's profiles, and both ends come to an agreement with each."""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import Lab
from tests.engine.support.collection import plugin_utils
from tests.lab.control import Refused

NOT_HERE = ("cnsa2", "post_quantum")
"""strongSwan knows ML-KEM and additional key exchanges from 6.0 on."""


@pytest.mark.parametrize("name", ["modern", "cnsa", "cnsa2", "fips", "compat", "post_quantum", "legacy_ikev1"])
def test_profile(site: Lab, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    profiles = plugin_utils("_mesh_profiles", tmp_path_factory.mktemp("collections")).PROFILES
    profile = profiles[name]
    suites = {"proposals": profile["ike"], "children": {"net": {"esp_proposals": profile["esp"]}}}
    if name in NOT_HERE:
        with pytest.raises(Refused):
            site.charon.load({site.name: {**site.connection("charon"), "proposals": profile["ike"]}})
    else:
        site.connect(version=str(profile.get("version", 2)), **suites)
        site.engine.initiate("net")
        site.assert_traffic()
