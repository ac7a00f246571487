"""Where packets are protected: the kernel (xfrm), userspace (ESP over TUN) or memory (tests)."""
