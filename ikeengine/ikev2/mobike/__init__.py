"""Peers and hosts that move: MOBIKE and NAT mappings."""
