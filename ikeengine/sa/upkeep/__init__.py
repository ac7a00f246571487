"""Keeping tunnels up: initiating, authenticating again, noticing peers that are gone."""
