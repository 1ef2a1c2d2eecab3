"""params.yaml: every bad value is one line that names the key, the value and what is allowed."""

import subprocess
from pathlib import Path

import pytest

from maskbank.errors import InputError
from maskbank.params import load_params, profile_names, profile_params, write_params

BAD = [
    ("tasks.ways=0", r"tasks\.ways\.0 = 0: Input should be greater than or equal to 2"),
    ("transfer.grids.0.budgets=[1.2]", r"--set transfer\.grids"),
    (
        "transfer.grids=[{budgets: [1.2], allocations: [uniform]}]",
        r"transfer\.grids\.0\.budgets\.0 = 1\.2: .* less than or equal to 1",
    ),
    ("transfer.methods=[smsp, wizardry]", r"transfer\.methods\.1 = 'wizardry': no such method; choose from .*taylor"),
    ("transfer.method=[smsp]", r"transfer\.method = .*: unknown key; allowed here: .*methods"),
    (
        "claims.c={judge: superior, study: sharpness, arms: [snt], paper: p, says: s}",
        r"claims\.c\.reported = .*: Field required",
    ),
    (
        "claims.c={judge: within, study: cost, arms: [snt], paper: p, says: s, reported: r, most: 1.05, limt: 2}",
        r"claims\.c\.limt = 2: unknown key; allowed here: judge, .*, beside, most, limits",
    ),
    (
        "claims.c={judge: superior, study: sharpness, arms: [sntt], paper: p, says: s, reported: r}",
        r"claims\.c\.arms\.0 = 'sntt': no such recipe; .*snt",
    ),
    (
        "claims.c={judge: superior, study: sharp, arms: [snt], paper: p, says: s, reported: r}",
        r"claims\.c\.study = 'sharp': no such study; choose from ablation, .*sharpness",
    ),
    (
        "claims.c={judge: superior, study: ablation, paper: p, says: s, reported: r}",
        r"claims\.c\.study = 'ablation': no claim is read from it; choose from compression, ",
    ),
    (
        "claims.c={judge: counted, study: cost, paper: p, says: s, reported: r, published: {}, "
        "cuts: [{nominal: 0.5, kept: 0.4, low: 0.1, high: 0.2}]}",
        r"claims\.c\.judge = 'counted': study cost is judged by within",
    ),
    (
        "claims.c={judge: superior, study: sharpness, where: {meter: x}, paper: p, says: s, reported: r}",
        r"claims\.c\.where\.meter.*'measure'",
    ),
    ("claims.c={judge: faith}", r"claims\.c = .*'faith'.*expected tags: 'superior', 'not_worse'"),
    ("transfr.methods=[smsp]", r"transfr = .*: unknown key; allowed here: suite, engine"),
    (
        "transfer.options={smsp: {neighbors: 3}}",
        r"transfer\.options\.smsp\.neighbors = 3: .* no such option; allowed: neighbours",
    ),
    ("transfer.steps=[30, 10]", r"must ascend"),
    ("transfer.steps=ten", r"transfer\.steps = 'ten': Input should be a valid list"),
    (
        "models.resnet20.widht=8",
        r"models\.resnet20\.widht = 8: backbone 'resnet20' has no such option; allowed: width, stem_stride",
    ),
    ("pretrain.recipes.resnet20=[sgdd]", r"pretrain\.recipes\.resnet20\.0 = 'sgdd': no such recipe"),
    ("pretrain.backbones=[resnet20, resnet]", r"pretrain\.backbones\.1 = 'resnet': no such backbone"),
    ("data.source=mnist", r"data\.source = 'mnist': no such data source; choose from cifar10"),
    (
        "compress.grids=[{methods: [l1], budgets: [8]}]",
        r"compress\.grids\.0\.budgets\.0 = 8: l1 takes .* at most 1",
    ),
    (
        "compress.grids=[{methods: [quantize], budgets: [2.5]}]",
        r"compress\.grids\.0\.budgets\.0 = 2\.5: .* whole number of bits",
    ),
    (
        "compress.grids=[{methods: [fpgm], budgets: [0.5]}]",
        r"compress\.grids\.0\.methods\.0 = 'fpgm': ranks units; for single weights choose from fisher, .*l1",
    ),
    (
        "compress.grids=[{methods: [l1], budgets: [0.4], pattern: '2:4', allocation: uniform}]",
        r"compress\.grids\.0\.pattern = 2:4: n:m takes 0 < n < m, allocation uniform, schedule one_shot and budgets \[0\.5\]",
    ),
    (
        "compress.grids=[{methods: [l1], budgets: [0.5], pattern: rows}]",
        r"grids\.0\.pattern = 'rows': String should match",
    ),
    (
        "compress.grids=[{methods: [l1], budgets: [0.5], reconstruct: [mean]}]",
        r"compress\.grids\.0\.reconstruct = .*: patterns that remove units reconstruct",
    ),
    (
        "compress.grids=[{methods: [l1], budgets: [0.5], schedule: cubic}]",
        r"grids\.0\.schedule = 'cubic': String should match",
    ),
    (
        "transfer.options.smsp.neighbours=few",
        r"transfer\.options\.smsp\.neighbours = 'few': expected a value of type int",
    ),
    ("compare.method=magic", r"compare\.method = 'magic': not among transfer\.methods"),
    ("tasks.unseen_splits=9", r"unseen_splits 9 must be at most splits"),
    ("engine.kind=slurm", r"engine\.kind = 'slurm': Input should be 'process' or 'serial'"),
    ("transfer.pretrain_seeds=[7]", r"transfer\.pretrain_seeds\.0 = 7: not among pretrain\.seeds"),
]


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_is_valid_and_comes_back(name: str, tmp_path: Path) -> None:
    params = profile_params(name, [])
    write_params(params, tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml") == params
    assert params.suite.profile == name


@pytest.mark.parametrize(("assignment", "message"), BAD)
def test_bad_values_are_one_line(assignment: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        profile_params("smoke", [assignment])
    assert "\n" not in str(caught.value)


def test_assignments_change_what_they_name() -> None:
    assert profile_params("smoke", ["tasks.ways=2", "transfer.steps=[0, 3]"]).transfer.steps == [0, 3]
    with pytest.raises(InputError, match="expected key=value"):
        profile_params("smoke", ["tasks.ways"])


def test_files_that_are_not_there_or_not_yaml(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match="no such file; write it with `maskbank configure"):
        load_params(path)
    path.write_text("a: [1, 2\nb: 3")
    with pytest.raises(InputError, match=r"not valid YAML at line"):
        load_params(path)
    with pytest.raises(
        InputError, match="no such profile; choose from cifar100, credit, default, gap, paoding, paper, smoke"
    ):
        profile_params("laptop", [])


def test_the_params_that_git_has_are_the_default_profile(tmp_path: Path) -> None:
    """What a clone runs; the file of the folder itself is the user's to edit."""
    shown = subprocess.run(
        ["git", "show", ":params.yaml"], cwd=Path(__file__).parents[1], capture_output=True, check=False
    )
    if shown.returncode:
        pytest.skip("no git here, or no params.yaml in it")
    write_params(profile_params("default", []), tmp_path / "params.yaml")
    assert shown.stdout == (tmp_path / "params.yaml").read_bytes(), "run `maskbank configure --profile default`"
