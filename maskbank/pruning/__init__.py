"""Pruning: score x allocation x pattern x apply."""
