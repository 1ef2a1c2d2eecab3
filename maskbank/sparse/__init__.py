"""Sparse training: weight masks and the schedules that move them."""
