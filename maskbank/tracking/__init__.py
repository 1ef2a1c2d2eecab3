"""Tracking: the MLflow view of the records."""
