"""The kernel datapath over NETLINK_XFRM."""
