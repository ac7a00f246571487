"""Child SAs: offering, choosing, installing, and what brings them up and down."""
