"""The command `maskbank`. Exit codes: 0 done, 1 the work failed or a check does not hold, 2 bad input."""

import argparse
import json
import runpy
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from maskbank import registry
from maskbank.config import Params, Report
from maskbank.errors import InputError, WorkError, exits
from maskbank.params import PROFILES, assign, load_params, profile_names, profile_params, write_params

STAGES = (
    "prepare", "pretrain", "compress", "sharpness", "sparsify", "prune", "bank", "tune", "transfer", "relate", "evaluate",
    "compare", "report", "track",
)  # fmt: skip
KINDS = {
    "scores": registry.SCORES,
    "methods": registry.METHODS,
    "recipes": registry.RECIPES,
    "backbones": registry.BACKBONES,
    "sources": registry.SOURCES,
    "compressors": registry.COMPRESSORS,
    "sparsifiers": registry.SPARSIFIERS,
    "workloads": registry.WORKLOADS,
    "makers": registry.MAKERS,
    "similarities": registry.SIMILARITIES,
}


def configure(arguments: argparse.Namespace) -> None:
    params = profile_params(arguments.profile, arguments.set)
    write_params(params)
    print(f"params.yaml: profile {arguments.profile}{', ' + ', '.join(arguments.set) if arguments.set else ''}")


def plan(arguments: argparse.Namespace) -> None:
    from maskbank.experiments.planned import estimates, planned_cells

    params = load_params()
    cells = planned_cells(params)
    seconds = estimates(params, cells)
    workers = worker_count(params)
    if arguments.cells:
        for stage, planned in cells.items():
            for cell in planned:
                print(f"{stage:9} {cell.describe()}")
    print(f"{'stage':9} {'cells':>6} {'core-minutes':>13}")
    for stage, planned in cells.items():
        print(f"{stage:9} {len(planned):6} {seconds[stage] / 60:13.1f}")
    minutes = sum(seconds.values()) / 60
    wall = f"about {minutes / workers:.1f} minutes on {workers} workers"
    print(f"{'sum':9} {sum(map(len, cells.values())):6} {minutes:13.1f}   {wall}")
    if minutes / 2 > params.suite.budget_minutes:
        allowed = f"suite.budget_minutes = {params.suite.budget_minutes:g} on two cores"
        print(f"warning: {minutes / 2:.1f} minutes on two cores, past {allowed}", file=sys.stderr)


def worker_count(params: Params) -> int:
    import os

    return 1 if params.engine.kind == "serial" else params.engine.workers or os.cpu_count() or 1


def list_names(arguments: argparse.Namespace) -> None:
    if arguments.kind == "profiles":
        rows = [{"name": name, "summary": profile_summary(name), "options": []} for name in profile_names()]
    else:
        kind = KINDS[arguments.kind]
        rows = [{"name": name, "summary": kind.summary(name), "options": kind.options(name)} for name in kind.names()]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:24} {row['summary']}")


def profile_summary(name: str) -> str:
    return (PROFILES / f"{name}.yaml").read_text().split("\n")[0].lstrip("# ")


def run(arguments: argparse.Namespace) -> None:
    script = Path("stages") / f"{arguments.stage}.py"
    if not script.is_file():
        raise InputError(f"{script}: no such file; run maskbank in a checkout of the suite")
    parts = load_params().pretrain.backbones if arguments.stage == "pretrain" else [""]
    for part in parts:
        sys.argv = [str(script), *([part] if part else [])]
        runpy.run_path(str(script), run_name="__main__")


def sync(arguments: argparse.Namespace) -> None:
    from maskbank.records.evidence import check_evidence
    from maskbank.records.load import REPORTS, read_tables
    from maskbank.tracking.reconcile import check, reconcile

    params = load_params()
    if not arguments.check:
        print(reconcile(REPORTS, params).line())
        return
    wrong = [*check_evidence(read_tables(REPORTS)), *check(REPORTS, params)]
    if wrong:
        raise WorkError(f"sync: {len(wrong)} disagreements; run `maskbank sync`. The first: {'; '.join(wrong[:3])}")
    print("sync: every accuracy is the one its evidence gives; cells and MLflow runs agree one to one")


def prune(arguments: argparse.Namespace) -> None:
    from maskbank.experiments import single

    print(single.prune(arguments))


def export(arguments: argparse.Namespace) -> None:
    from maskbank.experiments import single

    print(single.export(arguments))


def bank(arguments: argparse.Namespace) -> None:
    if arguments.action == "query":
        from maskbank.experiments import querying

        print(querying.query(arguments))
        return
    from maskbank.experiments import banking

    actions = {"add": banking.add, "list": banking.list_entries, "merge": banking.merge, "verify": banking.verify}
    print(actions[arguments.action](arguments))


def labels(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected labels, such as 0,2,4") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, at least 1")
    return int(text)


def option(text: str) -> tuple[str, object]:
    """KEY=VALUE with the value read as YAML."""
    values: dict[str, object] = {}
    try:
        assign(values, text)
    except InputError:
        raise argparse.ArgumentTypeError(f"{text}: expected KEY=VALUE, such as num_classes=10") from None
    return next(iter(values.items()))


def status(arguments: argparse.Namespace) -> None:
    """Cells of each stage by status, from the tables that stages have left."""
    from maskbank.records.load import read_table, table_folders

    for stage, folders in table_folders(load_params().pretrain.backbones).items():
        ready = [folder for folder in folders if (folder / "records.parquet").is_file()]
        counts: Counter[str] = Counter()
        for folder in ready:
            counts.update(read_table("records", folder).drop_duplicates("cell_key").status)
        text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "not run"
        print(f"{stage:9} {text}{'' if len(ready) == len(folders) else ' (some backbones not run)'}")


def failures(arguments: argparse.Namespace) -> None:
    """Cells that did not end well, with their reasons. A stage that runs again tries failed and timed-out cells again."""
    from maskbank.records.load import read_table

    found = 0
    for path in sorted(Path("data").glob("**/records.parquet")):
        records = read_table("records", path.parent).drop_duplicates("cell_key")
        for row in records[records.status != "ok"].to_dict("records"):
            found += 1
            what = f"{row['method']} {row['backbone']} {row['task']}"
            print(f"{row['stage']} {row['cell_key']} {row['status']}: {what}: {row['reason']}")
    print(f"{found} cells did not end well")


def report(arguments: argparse.Namespace) -> None:
    """Of this checkout's records, or of any: one file, or those of several machines as one run."""
    if not arguments.records:
        if arguments.venue:
            raise InputError("--venue: goes with --records; of this checkout's run set report.venue in params.yaml")
        for stage in ("compare", "report"):
            run(argparse.Namespace(stage=stage))
        return
    from maskbank.records.gather import gather_runs
    from maskbank.records.load import write_tables
    from maskbank.report.comparison import read_facts, write_comparison
    from maskbank.report.compose import write_report

    params, folder = params_or_default(), Path(arguments.out)
    if arguments.venue:
        params = params.model_copy(update={"report": params.report.model_copy(update={"venue": arguments.venue})})
    paths = [Path(path) for path in arguments.records]
    if folder.resolve() in {(path if path.is_dir() else path.parent).resolve() for path in paths}:
        raise InputError(f"--out {folder}: that is where the records are; choose another folder")
    write_tables(gather_runs(paths), folder)
    facts = read_facts(folder, params)
    write_comparison(facts, folder)
    write_report(params, folder)
    print(f"{len(facts.records)} points of {len(paths)} run(s); the page is {folder / 'index.html'}")


def power(arguments: argparse.Namespace) -> None:
    """What the splits of a run can find, and what an effect needs."""
    from maskbank.records.gather import read_run
    from maskbank.statistics.facts import Facts
    from maskbank.statistics.planning import power_lines

    tables = read_run(Path(arguments.records))
    facts = Facts(tables["records"], tables["metrics"], tables["timings"], params_or_default())
    print("\n".join(power_lines(facts, arguments.effect)))


def params_or_default() -> Params:
    return load_params() if Path("params.yaml").is_file() else Params()


def compare(arguments: argparse.Namespace) -> None:
    """Two runs: what they share, what changed, and whether it is significant."""
    from maskbank.records.gather import read_run
    from maskbank.statistics.changes import change_lines, changes

    a, b = (read_run(Path(path))["records"] for path in (arguments.a, arguments.b))
    params = params_or_default().compare
    found = changes(a, b, params)
    print("\n".join(change_lines(found, params.alpha, arguments.most)))
    if arguments.csv:
        found.arms.to_csv(arguments.csv, index=False)
        print(f"written to {arguments.csv}")


def ui(arguments: argparse.Namespace) -> None:
    from maskbank.tracking import server

    server.ui(load_params(), arguments.port)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="maskbank", description="A benchmark suite for network pruning that can be believed."
    )
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    command = add("configure", configure, "write a validated params.yaml from a profile")
    command.add_argument("--profile", required=True, metavar="NAME", help=", ".join(profile_names()))
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as tasks.ways=5; may be repeated"
    )
    command = add("plan", plan, "print the cells of each stage and an estimate of their time, before anything runs")
    command.add_argument("--cells", action="store_true", help="print every cell")
    command = add("list", list_names, "list what params.yaml may name")
    command.add_argument("kind", choices=[*KINDS, "profiles"])
    command.add_argument("--json", action="store_true")
    command = add("run", run, "run one stage without DVC; cells that are stored are not run again")
    command.add_argument("stage", choices=STAGES)
    command = add("sync", sync, "bring MLflow in line with the records")
    command.add_argument("--check", action="store_true", help="change nothing; exit 1 where they disagree")
    command = add("prune", prune, "prune a model of your own and save it small")
    command.add_argument("model", help="a timm name, or package.module:function that builds a torch.nn.Module")
    command.add_argument(
        "--weights", metavar="FILE", help="safetensors of its dense weights; without it they are random"
    )
    command.add_argument(
        "--model-option", type=option, action="append", default=[], metavar="KEY=VALUE", help="of the builder"
    )
    command.add_argument("--image", default="3x224x224", help="channels x height x width (default: %(default)s)")
    command.add_argument("--method", required=True, help="a score; see `maskbank list scores`")
    command.add_argument(
        "--option", type=option, action="append", default=[], metavar="KEY=VALUE", help="of the method"
    )
    command.add_argument("--budget", type=float, required=True, help="fraction to keep")
    kinds = ("units", "params", "macs", "bytes", "peak", "latency")
    command.add_argument(
        "--budget-kind", choices=kinds, default="units", help="what the fraction is of (default: %(default)s)"
    )
    command.add_argument(
        "--pattern", default="units", metavar="PATTERN",
        help="units, units:coupled, units:all remove for real; unstructured, 2:4, block:4 set weights to zero",
    )  # fmt: skip
    allocations = ("uniform", "erk", "global", "global_macs", "isomorphic")
    command.add_argument("--allocation", choices=allocations, help="default: global_macs of units, global of weights")
    command.add_argument("--schedule", default="one_shot", help="or iterative:N, cubic:N, exponential:N")
    command.add_argument("--reconstruct", choices=("none", "mean", "bias", "merge"), default="none")
    graphs = ("trace", "torch_pruning")
    command.add_argument("--graph", choices=graphs, default="trace", help="how units are found (default: %(default)s)")
    command.add_argument("--data", metavar="FILE", help=".npz with x_train, y_train, for scores that need examples")
    command.add_argument("--score-images", type=int, default=256)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", required=True, metavar="DIR")
    command = add("export", export, "export what `maskbank prune` wrote, checked against the runtimes")
    command.add_argument("folder", metavar="DIR")
    command.add_argument("--format", nargs="+", choices=("onnx", "torch"), default=["onnx", "torch"])
    add_bank_actions(
        add("bank", bank, "add to, list, query, merge and verify a mask bank: a folder of masks of one net")
    )
    add("status", status, "count the cells of each stage by status")
    add("failures", failures, "list the cells that did not end well, with reasons")
    command = add(
        "report", report, "make statistics, tables, figures and the page again, from these records or from any"
    )
    command.add_argument(
        "--records",
        nargs="+",
        metavar="PATH",
        help="folders or records.parquet files of runs, told as one (default: reports)",
    )
    command.add_argument(
        "--out", default="merged", metavar="DIR", help="where to write, with --records (default: %(default)s)"
    )
    command.add_argument(
        "--venue", choices=get_args(Report.model_fields["venue"].annotation),
        help="whose text width and font sizes figures have, with --records (default: report.venue of params.yaml)",
    )  # fmt: skip
    command = add("compare", compare, "compare two runs: what changed, and is it significant")
    command.add_argument("a", metavar="A", help="folder of a run's reports, or its records.parquet")
    command.add_argument("b", metavar="B", help="the other; differences are B minus A")
    command.add_argument(
        "--most", type=positive, default=20, help="lines of differences to print (default: %(default)s)"
    )
    command.add_argument("--csv", metavar="FILE", help="write every arm that changed")
    command = add(
        "power", power, "what this run's splits can find, and how many splits, tasks and seeds an effect needs"
    )
    command.add_argument(
        "--effect", type=float, required=True, metavar="POINTS", help="difference to find, such as 0.5"
    )
    command.add_argument("--records", default="reports", metavar="PATH", help="a run's folder or its records.parquet")
    command = add("ui", ui, "serve MLflow's UI on this machine only")
    command.add_argument("--port", type=int, default=5000)
    return root


def add_bank_actions(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("bank", metavar="BANK", help="folder of the bank")
        return action

    action = add("add", "add the masks that a prune stage left; those that the bank has are not stored again")
    action.add_argument("folder", metavar="FOLDER", help="where the stage left them, such as data/prune")
    action.add_argument("--name", help="only those made for this bank of params prune.banks")
    action.add_argument("--dense", metavar="HASH", help="only those of this checkpoint")
    action = add("list", "list the entries")
    action.add_argument("--json", action="store_true")
    action = add("query", "list the entries nearest to a target, of those that share no class with it")
    target = action.add_mutually_exclusive_group(required=True)
    target.add_argument("--entry", metavar="ID", help="a stored task, by the first digits of its id")
    target.add_argument("--classes", type=labels, metavar="LABELS", help="classes of the prepared data, such as 0,2,4")
    action.add_argument("--count", type=positive, default=8, help="how many (default: %(default)s)")
    action.add_argument("--images", type=positive, default=100, help="of each class to look at (default: %(default)s)")
    action.add_argument("--leep", action="store_true", help="order those by LEEP on these images")
    action.add_argument("--json", action="store_true")
    action = add("merge", "add the entries of other banks of the same net; into a new folder, all become one pack")
    action.add_argument("source", nargs="+", metavar="SOURCE", help="folder of another bank")
    add("verify", "read every byte and check it; exit code 1 where something is torn or altered")


@exits
def main() -> None:
    arguments = parser().parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
