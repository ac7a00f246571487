"""IKE messages on their way: protection, windows, retransmission, fragments, NAT detection."""
