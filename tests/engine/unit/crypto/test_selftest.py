"""crypto.selftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from ikeengine.crypto import selftest
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.kex import KEX
from ikeengine.crypto.kex_mlkem import ML_KEM
from ikeengine.crypto.kex_xdh import XdhMethod
from ikeengine.crypto.prf import PRF
from ikeengine.model.proposal import Transform
from ikeengine.registry import EncrId, KeId, TransformType

ALL = [
    *(Transform(TransformType.ENCR, *key) for key in ENCR),
    *(Transform(TransformType.PRF, prf_id) for prf_id in PRF),
    *(Transform(TransformType.INTEG, integ_id) for integ_id in INTEG),
    *(Transform(TransformType.KE, ke_id) for ke_id in KEX),
]
X448 = Transform(TransformType.KE, KeId.CURVE_448)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    selftest.is_usable.cache_clear()
    yield
    selftest.is_usable.cache_clear()


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_the_installed_library_has_everything(transform: Transform) -> None:
    assert selftest.is_usable(transform)


def test_each_algorithm_has_its_answer() -> None:
    assert len(selftest.KNOWN_ANSWERS) == len(ALL) + len(ML_KEM)


@pytest.mark.parametrize(
    "transform",
    [
        Transform(TransformType.ENCR, EncrId.AES_CBC),
        Transform(TransformType.ENCR, EncrId.CAMELLIA_CBC, 128),
        Transform(TransformType.PRF, 3),
        Transform(TransformType.INTEG, 0),
        Transform(TransformType.KE, 99),
    ],
)
def test_what_we_do_not_have_is_not_usable(transform: Transform) -> None:
    assert not selftest.is_usable(transform)


def test_what_the_library_lacks_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: object) -> None:
        raise UnsupportedAlgorithm("X448 is not supported by this version of OpenSSL.")

    monkeypatch.setattr(XdhMethod, "generate", lacks)
    assert not selftest.is_usable(X448)


def test_a_wrong_answer_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(selftest.KNOWN_ANSWERS, "x448", "0011223344556677")
    assert not selftest.is_usable(X448)
