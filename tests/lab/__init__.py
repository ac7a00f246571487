"""Test hosts: network namespaces, a kernel of our own, and peers that somebody else wrote."""
