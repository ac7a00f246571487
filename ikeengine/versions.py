"""The versions of IKE that the engine speaks. Each is a folder of its own, and knows nothing of the other."""

from __future__ import annotations

from typing import Final

from ikeengine.ikev1.version import Ikev1
from ikeengine.ikev2.version import Ikev2
from ikeengine.sa.version import IkeVersion

VERSIONS: Final[tuple[type[IkeVersion], ...]] = (Ikev1, Ikev2)
