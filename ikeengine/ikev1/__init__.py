"""IKEv1 (RFC 2407, 2408, 2409). Nothing outside needs this folder except where the versions are told apart."""
