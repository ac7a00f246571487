"""The IKEv1 message codec: octets to payload objects and back. Knows neither keys nor state."""
