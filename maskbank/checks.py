"""Names that params give, against the registries and one another."""

import re
from typing import Any

from maskbank.config import CompressGrid, Options, Params, SparsifyGrid
from maskbank.errors import InputError
from maskbank.registry import (
    BACKBONES,
    COMPRESS,
    COMPRESSORS,
    MAKERS,
    METHODS,
    RECIPES,
    SCORES,
    SOURCES,
    SPARSIFIERS,
    WORKLOADS,
    Registry,
)


def check_grid(grid: CompressGrid, key: str) -> None:
    """One grid of the compress stage: methods that can do what the pattern asks, budgets in range."""
    structured = grid.pattern.startswith("units")
    if not structured and grid.allocation == "global_macs":
        raise InputError(
            f"{key}.allocation = 'global_macs': of units alone; for single weights use global, uniform or erk"
        )
    if not structured and grid.reconstruct != ["none"]:
        raise InputError(
            f"{key}.reconstruct = {grid.reconstruct}: patterns that remove units reconstruct; here use [none]"
        )
    for position, name in enumerate(grid.methods):
        COMPRESS.check(name, f"{key}.methods.{position}")
        quantizes = name in COMPRESSORS.names()
        if not quantizes and not structured and not SCORES.defines(name, "saliency"):
            able = ", ".join(each for each in SCORES.names() if SCORES.defines(each, "saliency"))
            raise InputError(f"{key}.methods.{position} = {name!r}: ranks units; for single weights choose from {able}")
        for place, budget in enumerate(grid.budgets):
            where = f"{key}.budgets.{place} = {budget:g}"
            if quantizes and (budget < 2 or budget > 16 or budget != int(budget)):
                raise InputError(f"{where}: {name} takes a whole number of bits, 2 to 16")
            if not quantizes and budget > 1:
                raise InputError(f"{where}: {name} takes a fraction above 0 and at most 1")
    if re.fullmatch(r"\d+:\d+", grid.pattern):
        kept, group = map(int, grid.pattern.split(":"))
        plain = grid.allocation == "uniform" and grid.schedule == "one_shot"
        if not 0 < kept < group or grid.budgets != [kept / group] or not plain:
            only = f"allocation uniform, schedule one_shot and budgets [{kept / max(group, 1):g}]"
            raise InputError(f"{key}.pattern = {grid.pattern}: n:m takes 0 < n < m, {only}")


def check_names(params: Params) -> None:
    """Check every name that params gives against its registry, and the names against one another."""
    SOURCES.check(params.data.source, "data.source")
    if params.foreign is not None:
        SOURCES.check(params.foreign.source, "foreign.source")
        if params.foreign.name == params.data.name:
            raise InputError(
                f"foreign.source = {params.foreign.name!r}: the same as data.source; choose another data set"
            )
    for name, chosen in params.models.items():
        BACKBONES.check_options(name, dict(chosen), f"models.{name}")
    check_pretrain(params)
    for index, grid in enumerate(params.compress.grids):
        check_grid(grid, f"compress.grids.{index}")
        recipes = sorted({recipe for every in params.pretrain.recipes.values() for recipe in every})
        among(grid.backbones or [], params.pretrain.backbones, f"compress.grids.{index}.backbones", "not pretrained")
        among(grid.recipes or [], recipes, f"compress.grids.{index}.recipes", "not pretrained")
    for name, chosen in params.compress.options.items():
        COMPRESS.check_options(name, dict(chosen), f"compress.options.{name}")
    check_sharpness(params)
    check_sparsify(params)
    for name, recipe in params.prune.banks.items():
        MAKERS.check(recipe.maker, f"prune.banks.{name}.maker")
        MAKERS.check_options(recipe.maker, dict(recipe.options), f"prune.banks.{name}.options")
        among(
            recipe.backbones or [],
            params.transfer.backbones,
            f"prune.banks.{name}.backbones",
            "not among transfer.backbones",
        )
    for backbone in params.transfer.backbones:
        if not any(backbone in (recipe.backbones or [backbone]) for recipe in params.prune.banks.values()):
            raise InputError(f"prune.banks: none for {backbone} of transfer.backbones; add it to one's backbones")
    check_transfer(params)
    among(params.relate.banks, list(params.prune.banks), "relate.banks", "not among prune.banks")
    check_all(METHODS, params.evaluate.latency_methods, {}, "evaluate.latency_methods")
    among([params.compare.method], params.transfer.methods, "compare.method", "not among transfer.methods")
    among(params.compare.against, params.transfer.methods, "compare.against", "not among transfer.methods")
    for name, declared in params.claims.items():
        check_claim(declared.model_dump(), f"claims.{name}")
    pretrained = "not among pretrain.backbones"
    among(params.evaluate.int8_backbones, params.pretrain.backbones, "evaluate.int8_backbones", pretrained)


def check_claim(declared: dict[str, Any], key: str) -> None:
    """Names in a hypothesis: of sparse training where it has `methods`, else of compression and of pretraining recipes."""
    check_all(SPARSIFIERS, declared.get("methods", []), {}, f"{key}.methods")
    check_all(SPARSIFIERS, declared.get("rivals", []), {}, f"{key}.rivals")
    for registry, fields in ((COMPRESS, ("method", "rival")), (RECIPES, ("recipe", "beside"))):
        for field in fields:
            if field in declared:
                registry.check(declared[field], f"{key}.{field}")


def check_all(registry: Registry, names: list[str], options: dict[str, Options], key: str) -> None:
    for index, name in enumerate(names):
        registry.check(name, f"{key}.{index}")
    for name, chosen in options.items():
        registry.check_options(name, dict(chosen), f"{key.rsplit('.', 1)[0]}.options.{name}")


def among(names: list[str], known: list[str], key: str, why: str) -> None:
    for index, name in enumerate(names):
        if name not in known:
            place = f"{key}.{index}" if len(names) > 1 or key.endswith("s") else key
            raise InputError(f"{place} = {name!r}: {why}; choose from {', '.join(known)}")


def check_pretrain(params: Params) -> None:
    check_all(BACKBONES, params.pretrain.backbones, {}, "pretrain.backbones")
    check_all(RECIPES, [], params.pretrain.options, "pretrain.recipes")
    among(list(params.pretrain.stop_loss), params.pretrain.backbones, "pretrain.stop_loss", "not pretrained")
    for backbone in params.pretrain.backbones:
        if backbone not in params.pretrain.recipes:
            raise InputError(f"pretrain.recipes.{backbone}: missing; give the recipes of each backbone, such as [adam]")
        check_all(RECIPES, params.pretrain.recipes[backbone], {}, f"pretrain.recipes.{backbone}")


def check_sharpness(params: Params) -> None:
    given, pretrain = params.sharpness, params.pretrain
    among(given.backbones, pretrain.backbones, "sharpness.backbones", "not among pretrain.backbones")
    recipes = sorted({recipe for backbone in given.backbones for recipe in pretrain.recipes[backbone]})
    if given.backbones:
        among(given.recipes or [], recipes, "sharpness.recipes", f"not pretrained for {', '.join(given.backbones)}")
    if given.backbones and "loss" in given.stops and not set(given.backbones) & set(pretrain.stop_loss):
        raise InputError(
            f"sharpness.stops = {given.stops}: pretrain.stop_loss names none of sharpness.backbones; add one or drop loss"
        )
    if given.group > given.images:
        raise InputError(f"sharpness.group = {given.group}: more than sharpness.images = {given.images}; lower it")
    if len({f"{rho:g}" for rho in given.rho}) < len(given.rho):
        raise InputError(f"sharpness.rho = {given.rho}: a radius is given twice; remove the repeat")
    if given.landscape and given.landscape % 2 == 0:
        even = f"sharpness.landscape = {given.landscape}"
        raise InputError(f"{even}: an even number of points has no centre; use {given.landscape + 1}, or 0 for none")


def check_sparsify(params: Params) -> None:
    """Names, and what can be told of patterns without the model; schedules are checked when the stage is planned."""
    given = params.sparsify
    among(given.backbones, params.pretrain.backbones, "sparsify.backbones", "not among pretrain.backbones")
    for name, options in given.workloads.items():
        WORKLOADS.check_options(name, dict(options), f"sparsify.workloads.{name}")
    check_all(SPARSIFIERS, [], given.options, "sparsify.methods")
    for index, grid in enumerate(given.grids):
        key = f"sparsify.grids.{index}"
        check_all(SPARSIFIERS, grid.methods, {}, f"{key}.methods")
        among(grid.backbones or [], given.backbones, f"{key}.backbones", "not among sparsify.backbones")
        check_workload(grid, key)
        kind = "n:m" if re.fullmatch(r"\d+:\d+", grid.pattern) else grid.pattern.partition(":")[0]
        for place, method in enumerate(grid.methods):
            able = SPARSIFIERS.constant(method, "PATTERNS") or ("unstructured",)
            if kind not in able:
                raise InputError(
                    f"{key}.methods.{place} = {method!r}: cannot end in pattern {grid.pattern}, only in {', '.join(able)}"
                )
        if kind == "n:m":
            kept, group = map(int, grid.pattern.split(":"))
            if not 0 < kept < group or grid.budgets != [kept / group] or grid.allocations != ["uniform"]:
                only = f"allocations [uniform] and budgets [{kept / max(group, 1):g}]"
                raise InputError(f"{key}.pattern = {grid.pattern}: n:m takes 0 < n < m, {only}")
        if kind == "channel" and grid.allocations != ["uniform"]:
            raise InputError(f"{key}.allocations = {grid.allocations}: channels are not of one size; use uniform")
        if "same-macs" in grid.setups and "global" in grid.allocations:
            raise InputError(
                f"{key}.allocations = {grid.allocations}: what global costs is known only afterwards; "
                "with setup same-macs use uniform or erk"
            )


def check_workload(grid: SparsifyGrid, key: str) -> None:
    """A workload has its own net, and no method that scores by images or by their gradients."""
    if grid.workload == "images":
        return
    if grid.workload not in WORKLOADS.names():
        known = ", ".join(["images", *WORKLOADS.names()])
        raise InputError(f"{key}.workload = {grid.workload!r}: no such workload; choose from {known}")
    if grid.backbones:
        raise InputError(
            f"{key}.backbones = {grid.backbones}: workload {grid.workload} has a net of its own; remove it"
        )
    for place, method in enumerate(grid.methods):
        if SPARSIFIERS.constant(method, "CLASSIFIES"):
            raise InputError(
                f"{key}.methods.{place} = {method!r}: its score is one of classifiers; use workload images"
            )


def check_transfer(params: Params) -> None:
    given, pretrain = params.transfer, params.pretrain
    check_all(METHODS, given.methods, given.options, "transfer.methods")
    among(given.backbones, pretrain.backbones, "transfer.backbones", "not among pretrain.backbones")
    for backbone in given.backbones:
        among([given.recipe], pretrain.recipes[backbone], "transfer.recipe", f"not pretrained for {backbone}")
    for index, seed in enumerate(given.pretrain_seeds):
        if seed not in pretrain.seeds:
            raise InputError(f"transfer.pretrain_seeds.{index} = {seed}: not among pretrain.seeds {pretrain.seeds}")
    for index, grid in enumerate(given.grids):
        key = f"transfer.grids.{index}"
        among(grid.methods or [], given.methods, f"{key}.methods", "not among transfer.methods")
        among(grid.backbones or [], given.backbones, f"{key}.backbones", "not among transfer.backbones")
        among(grid.banks or [], list(params.prune.banks), f"{key}.banks", "not among prune.banks")
        for name, chosen in grid.variants.items():
            if name == "default":
                raise InputError(f"{key}.variants.default: the name of a method's own options; choose another")
            for method in grid.methods or given.methods:
                METHODS.check_options(method, dict(chosen), f"{key}.variants.{name}")
        if grid.tuned and params.tune.trials == 1:
            raise InputError(f"{key}.tuned = True: nothing is tuned with tune.trials = 1; set it to 2 or more")
    if params.tune.trials > 1 and not params.tasks.validation_splits:
        raise InputError(
            f"tune.trials = {params.tune.trials}: needs validation tasks; set tasks.validation_splits to 1 or more"
        )
