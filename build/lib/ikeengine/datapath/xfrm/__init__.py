"""The kernel datapath over NETLINK_XFRM."""

from ikeengine.datapath.xfrm.datapath import XfrmDatapath

__all__ = ["XfrmDatapath"]
