"""What is installed without IKE: manually keyed SAs, and policies that are always in force."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.model.sa import IpsecSa, PolicySet


@dataclass(frozen=True, slots=True)
class StaticEntry:
    """SAs and policies that belong together. Owner and reqid are 0 where whoever installs them is to choose."""

    name: str
    policies: PolicySet
    sas: tuple[IpsecSa, ...] = ()
