"""`make demo`: two sites on this machine, connected by the real playbook."""
