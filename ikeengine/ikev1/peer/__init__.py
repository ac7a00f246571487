"""Who the peer is, and how both sides prove it."""
