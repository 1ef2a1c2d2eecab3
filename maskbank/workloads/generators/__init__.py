"""Synthetic data by code: images of shapes, clouds of composed solids, sentences of a made-up language."""
