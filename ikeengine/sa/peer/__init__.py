"""Who the peer is, as far as the versions of IKE have it in common: certificates and their revocation."""
