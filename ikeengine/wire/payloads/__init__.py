"""One file per payload of RFC 7296 section 3."""
