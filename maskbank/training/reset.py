"""Fresh random weights in the shape of a model that exists."""

from torch import nn


def reset_weights(model: nn.Module) -> None:
    """Initialise every part again as torch does by default, from torch's global generator.

    Parameters that belong to no part with an initialisation of its own (position embeddings) keep their scale: normal
    with the standard deviation that they have.
    """
    covered = set()
    for module in model.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
            covered |= {id(value) for value in module.parameters()}
    for value in model.parameters():
        if id(value) not in covered:
            nn.init.normal_(value, std=float(value.detach().std()) if value.numel() > 1 else 1.0)
