"""What is installed without IKE: manually keyed SAs, and policies that are always in force."""

from __future__ import annotations

from ikeengine.model.immutable import immutable
from ikeengine.model.sa import IpsecSa, PolicySet


@immutable
class StaticEntry:
    """SAs and policies that belong together. Owner and reqid are 0 where whoever installs them is to choose."""

    name: str
    policies: PolicySet
    sas: tuple[IpsecSa, ...] = ()
