"""The collection's profiles with ML-KEM, and the others too, against a strongSwan that has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from ikeengine.crypto.selftest import is_usable
from ikeengine.model.proposal import Transform
from ikeengine.registry import KeId, TransformType
from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.profiles import Profile, assert_tunnel, load
from tests.lab import newer_charon
from tests.lab.needs import give_up
from tests.lab.newer_charon import NewerCharon

ML_KEM = (KeId.ML_KEM_768, KeId.ML_KEM_1024)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if reason := newer_charon.missing():
        give_up(reason)
    if not all(is_usable(Transform(TransformType.KE, method)) for method in ML_KEM):
        give_up("the installed cryptography library has no ML-KEM")
    with lab(tmp_path_factory.mktemp("newer"), kind=NewerCharon) as running:
        yield running


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Profile]:
    return load(tmp_path_factory.mktemp("collections"))


@pytest.mark.parametrize(
    ("name", "method"), [("post_quantum", "ML_KEM_768"), ("cnsa2", "ML_KEM_1024"), ("modern", ""), ("fips", "")]
)
def test_tunnel(site: Lab, profiles: Mapping[str, Profile], name: str, method: str, initiator: str) -> None:
    assert isinstance(site.charon, NewerCharon)
    print("strongSwan", site.charon.version())
    assert_tunnel(site, profiles[name], initiator)
    for ike, child in ((site.engine.ike(), site.engine.child()), (site.charon.ike(), site.charon.child())):
        assert (ike.get("ake1", ""), child.get("ake1", "")) == (method, method)
