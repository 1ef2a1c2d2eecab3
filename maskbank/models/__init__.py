"""Models: backbones, prunable units, surgery, checkpoints."""
