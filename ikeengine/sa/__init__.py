"""SAs of either version of IKE: how they come, stay and go. What is said to the peer for that, each version knows."""
