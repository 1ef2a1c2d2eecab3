"""Data: sources, prepared arrays, augmentation, splits and few-way tasks."""
