"""ESP in userspace over a TUN device."""
