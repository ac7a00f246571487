"""Values that cross layers: frozen, with no behaviour beyond their own consistency."""
