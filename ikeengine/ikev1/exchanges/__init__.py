"""The exchanges of IKEv1: what their messages mean and what follows from them."""
