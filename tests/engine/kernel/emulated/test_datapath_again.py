"""The datapath's own tests of the kernel that they meet, in one that has XFRM interfaces."""

from __future__ import annotations

from tests.engine.datapath.xfrm.test_interfaces import (
    test_the_real_kernel_makes_one_or_says_that_it_cannot,  # noqa: F401
)
from tests.engine.datapath.xfrm.test_real_kernel import *  # noqa: F403
