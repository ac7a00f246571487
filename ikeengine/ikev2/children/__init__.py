"""Offering and answering Child SAs."""
