"""Measures: cost, latency, calibration, quantization."""
