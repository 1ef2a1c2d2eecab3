"""Data sources, one a file: `load(path, size) -> Raw`; CLASSES where it is known without loading."""
