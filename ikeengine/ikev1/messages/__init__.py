"""IKEv1 messages on their way: vendor IDs, fragments, NAT traversal."""
