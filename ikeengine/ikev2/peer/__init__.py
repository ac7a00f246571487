"""Who the peer is: authentication in rounds, certificates on their way, one IKE SA per peer."""
