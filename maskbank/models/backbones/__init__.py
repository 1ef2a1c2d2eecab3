"""Backbones, one a file: `build(classes, channels, size, *, options) -> Module` with timm's interface."""
