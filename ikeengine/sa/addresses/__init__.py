"""Virtual IP addresses: what a peer gets and what we get."""
