"""Parameters and MACs as functions of widths, against counting on the sliced network itself."""

import torch

from maskbank.measures.cost import trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.checkpoint import Architecture
from maskbank.models.resnet import ResNet
from maskbank.models.surgery import slice_units


def test_a_network_counted_by_hand() -> None:
    """One stage of one block, width 2, 4 x 4 pixels: stem 1*2*9, block 2 * (2*2*9), at 16 places; head 2*3."""
    cost = trace_cost(ResNet(3, 1, 2, (1,), 1), (1, 4))
    assert cost.macs(cost.dense) == (18 + 36 + 36) * 16 + 6
    assert cost.params(cost.dense) == 18 + 36 + 36 + 3 * 4 + 6 + 3


def test_cost_of_widths_is_the_cost_of_the_sliced_model(architecture: Architecture) -> None:
    model, image = architecture.build().eval(), (architecture.channels, architecture.size)
    cost = trace_cost(model, image)
    counts = {name: max(1, count // 3) for name, count in cost.dense.items()}
    sliced = slice_units(model, list(cost.layers), {name: torch.arange(count) for name, count in counts.items()})
    for each, widths in ((model, cost.dense), (sliced, counts)):
        with torch.no_grad(), MacCounter() as spent:
            each(torch.zeros(2, image[0], image[1], image[1]))
        assert spent.macs == 2 * cost.macs(widths)
        assert cost.params(widths) == sum(parameter.numel() for parameter in each.parameters())


def test_a_backward_costs_what_autograd_is_asked_for() -> None:
    layer, x = torch.nn.Linear(5, 7), torch.zeros(3, 5)
    with MacCounter() as spent:
        layer(x)
    assert spent.macs == 3 * 35 * 2, "forward and the weights' gradient"
    with MacCounter() as spent:
        layer(x.requires_grad_())
    assert spent.macs == 3 * 35 * 3


def test_depthwise_convolutions_count_their_groups() -> None:
    """64 channels, 3 x 3, at 18 x 1 places: 10,368 products, not 589,824 or more."""
    with torch.no_grad(), MacCounter() as spent:
        torch.nn.Conv2d(64, 64, 3, padding=1, groups=64)(torch.zeros(1, 64, 18, 1))
    assert spent.macs == 64 * 9 * 18
