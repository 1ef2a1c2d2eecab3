"""Nets of the workloads."""
