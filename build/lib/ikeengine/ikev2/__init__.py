"""IKEv2 (RFC 7296): the SA, its states and its exchanges."""
