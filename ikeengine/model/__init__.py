"""Values that cross layers: frozen, without behaviour beyond their own consistency, importing nothing but the registry."""
