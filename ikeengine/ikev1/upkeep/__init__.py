"""Keeping ISAKMP SAs: dead peers, lifetimes, and who gets the Child SAs of the one that goes."""
