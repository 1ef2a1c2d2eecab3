"""Sparse-training methods: `phases(goal, *, options)` gives the whole schedule, before training; all take the same steps.

`PATTERNS` are the kinds of pattern that a method can end in. Nothing here decides a learning rate.
"""
