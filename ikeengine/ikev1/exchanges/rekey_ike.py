"""Rekeying an ISAKMP SA: phase 1 anew, because IKEv1 has no other way. The new SA takes the Child SAs over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev1.exchange import Exchange
from ikeengine.ikev1.sa import IkeSa
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.task import TaskKind


@dataclass(slots=True)
class RekeyIke(Exchange):
    """Ask for a new ISAKMP SA in place of this one."""

    name: ClassVar[str] = "IKE_REKEY"
    kind: ClassVar[TaskKind] = TaskKind.REKEY_IKE
    type: ClassVar[ExchangeType] = ExchangeType.IDENTITY_PROTECTION

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """The supervisor sees to it that there is only one."""
        ctx.wanted.append(Wanted(sa.name, "", ops=self.ops, replaces=sa.local_spi))
        return False
