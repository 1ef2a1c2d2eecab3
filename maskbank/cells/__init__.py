"""Cells: spec, key, store and engines of the unit of work."""
