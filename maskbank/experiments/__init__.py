"""Experiments: for each stage its spec, its plan (params -> cells) and its cell function."""
