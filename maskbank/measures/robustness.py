"""Adversarial robustness: the fraction of examples still right under L-infinity attacks on the model itself.

FGSM (Goodfellow et al. 2015) is one step; PGD (Madry et al. 2018) climbs from random starts. `eps` is in pixel units
(0..1), the attacked images stay in 0..1, and mean and std belong to the model. Both attacks maximise the
cross-entropy in the form log sum exp(other logits) - logit of the label: the direction of its gradient is the same, but
it does not vanish where a sure model's softmax rounds to 1. AutoAttack is an optional cross-check.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.errors import InputError

Logits = Callable[[Tensor], Tensor]  # [B, C, H, W] pixels in 0..1 -> [B, classes] float32
ATTACKS = ("fgsm", "pgd")


def robust_accuracy(
    model: nn.Module, x: Tensor, y: Tensor, *, mean: Tensor, std: Tensor, eps: Sequence[float], attack: str = "pgd",
    steps: int = 20, restarts: int = 1, generator: torch.Generator, batch: int = 250,
) -> dict[float, float]:  # fmt: skip
    """{eps: fraction of examples still right}; arguments and errors as for `robust_flags`."""
    flags = robust_flags(
        model, x, y, mean=mean, std=std, eps=eps, attack=attack, steps=steps, restarts=restarts, generator=generator,
        batch=batch,
    )  # fmt: skip
    return {radius: float(right.double().mean()) for radius, right in flags.items()}


def robust_flags(
    model: nn.Module, x: Tensor, y: Tensor, *, mean: Tensor, std: Tensor, eps: Sequence[float], attack: str = "pgd",
    steps: int = 20, restarts: int = 1, generator: torch.Generator, batch: int = 250,
) -> dict[float, Tensor]:  # fmt: skip
    """{eps: bool [N], right without attack and under every try}, for pixels `x` [N, C, H, W] in 0..1 and labels `y` [N].

    `mean`, `std` [C] in pixel units. The tries of PGD are FGSM's point and `restarts` climbs from random starts; who has
    fallen is not tried again. The starts do not depend on `batch` or on the other eps. The model is left in eval mode.
    Raises InputError for an unknown attack, a number out of range, or a model of one logit.
    """
    check_attack(attack, eps, steps, restarts)
    logits_of = pixel_logits(model, mean, std)
    clean = clean_flags(logits_of, x, y, batch)
    flags = {radius: clean.clone() for radius in eps}
    for restart in range(1 + restarts if attack == "pgd" else 1):
        noise = None if restart == 0 else 2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1
        for radius, right in flags.items():
            standing = torch.nonzero(right).flatten()
            for rows in standing.split(batch) if len(standing) else ():  # an empty tensor splits into one empty part
                drawn = None if noise is None else noise[rows]
                images = one_try(logits_of, x[rows], y[rows], radius, steps, drawn)
                right[rows] = is_right(logits_of, images, y[rows])
    return flags


def clean_flags(logits_of: Logits, x: Tensor, y: Tensor, batch: int) -> Tensor:
    """Bool [N], right without attack."""
    parts = zip(x.split(batch), y.split(batch), strict=True)
    return torch.cat([is_right(logits_of, images, labels) for images, labels in parts])


@torch.no_grad()
def is_right(logits_of: Logits, x: Tensor, y: Tensor) -> Tensor:
    return right_answers(logits_of(x), y)


def right_answers(logits: Tensor, y: Tensor) -> Tensor:
    """Bool [B]; logits that are not finite are wrong."""
    return (logits.argmax(1) == y) & logits.isfinite().all(1)


def pixel_logits(model: nn.Module, mean: Tensor, std: Tensor) -> Logits:
    """The model in eval mode as a function of pixels."""
    model.eval()

    def logits_of(x: Tensor) -> Tensor:
        logits: Tensor = model((x - mean.to(x)[:, None, None]) / std.to(x)[:, None, None]).float()
        if logits.shape[1] < 2:
            raise InputError(
                "robustness: the model has one logit; expected one a class (models with classes = 2 or more)"
            )
        return logits

    return logits_of


def ascent(logits_of: Logits, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Sign of the loss' gradient [B, C, H, W], and which examples are still right [B]."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = logits_of(x)
        others = logits.scatter(1, y[:, None], -torch.inf).logsumexp(1)
        loss = others - logits.gather(1, y[:, None]).squeeze(1)
        (gradient,) = torch.autograd.grad(loss.sum(), x)
    return gradient.sign(), right_answers(logits.detach(), y)


def project(moved: Tensor, x: Tensor, eps: float) -> Tensor:
    """The nearest image within `eps` of `x` and within 0..1."""
    return torch.clamp(moved, (x - eps).clamp(min=0), (x + eps).clamp(max=1))


def one_try(logits_of: Logits, x: Tensor, y: Tensor, eps: float, steps: int, noise: Tensor | None) -> Tensor:
    """FGSM's images, or PGD's from a start at `noise` (in -1..1) times eps."""
    if noise is None:
        return fgsm(logits_of, x, y, eps)
    return pgd(logits_of, x, y, eps, steps, project(x + eps * noise, x, eps))


def fgsm(logits_of: Logits, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One step of `eps` along the sign of the gradient."""
    return project(x + eps * ascent(logits_of, x, y)[0], x, eps)


def pgd(logits_of: Logits, x: Tensor, y: Tensor, eps: float, steps: int, start: Tensor) -> Tensor:
    """`steps` projected steps of 2.5 eps / steps from `start`; an example stops where it is wrong."""
    images, live = start.clone(), torch.arange(len(x))
    for _ in range(steps):
        sign, right = ascent(logits_of, images[live], y[live])
        live, sign = live[right], sign[right]
        if not len(live):
            break
        images[live] = project(images[live] + 2.5 * eps / steps * sign, x[live], eps)
    return images


def check_attack(attack: str, eps: Sequence[float], steps: int, restarts: int) -> None:
    if attack not in ATTACKS:
        raise InputError(f"robustness.attack = {attack!r}: no such attack; choose from {', '.join(ATTACKS)}")
    for index, radius in enumerate(eps):
        if not 0 <= radius <= 1:
            raise InputError(
                f"robustness.eps.{index} = {radius:g}: expected 0..1, in pixel units (such as 0.03 for 8/255)"
            )
    for name, value in (("steps", steps), ("restarts", restarts)):
        if value < 1:
            raise InputError(f"robustness.{name} = {value}: expected 1 or more")


def autoattack_accuracy(
    model: nn.Module, x: Tensor, y: Tensor, *, mean: Tensor, std: Tensor, eps: Sequence[float], seed: int = 0,
    batch: int = 250,
) -> dict[float, float]:  # fmt: skip
    """{eps: fraction still right} under AutoAttack (Croce & Hein 2020), arguments as for `robust_flags`.

    From 4 classes on its standard version; below, where its targeted losses are not defined, APGD on the cross-entropy,
    FAB and Square. The global random state is left as it was. Raises InputError where pyautoattack is not installed.
    """
    check_attack("pgd", eps, 1, 1)
    try:
        package: Any = importlib.import_module("pyautoattack")
    except ImportError:
        raise InputError("robustness: AutoAttack is not installed; run `pip install pyautoattack==0.2.0`") from None
    logits_of = pixel_logits(model, mean, std)
    with torch.no_grad():
        classes = logits_of(x[:1]).shape[1]
    result = {}
    for radius in eps:
        if radius == 0:
            right = clean_flags(logits_of, x, y, batch)
        else:
            with torch.random.fork_rng():
                right = autoattack_flags(package, logits_of, x, y, radius, classes, seed, batch)
        result[radius] = float(right.double().mean())
    return result


def autoattack_flags(
    package: Any, logits_of: Logits, x: Tensor, y: Tensor, eps: float, classes: int, seed: int, batch: int
) -> Tensor:
    targeted = classes >= 4
    chosen = {"version": "standard"} if targeted else {"version": "custom", "attacks": ["apgd-ce", "fab", "square"]}
    attack = package.AutoAttack(logits_of, norm="Linf", eps=eps, device="cpu", seed=seed, **chosen)
    if targeted:
        attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(9, classes - 1)
    _, predicted = attack.run_standard_evaluation(x, y, batch_size=batch)
    return predicted == y
