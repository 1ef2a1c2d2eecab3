"""The page: what its charts draw, and how it behaves in a real browser."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas

from maskbank.report.aggregate import transfer_means
from maskbank.report.chart_rows import ALL, SEEDS, chart_rows
from maskbank.report.figure import Figure
from maskbank.report.interactive import inline, interactive, natural, policy
from maskbank.report.page import Contents, render
from maskbank.report.shapes import polygon
from maskbank.report.style import colour
from maskbank.report.table import Table, table
from maskbank.statistics.costs import cost_means, cost_rows
from tests.report import fake
from tests.report.synthetic import contrasts_of, records_run

CHROME = os.environ.get("CHROME") or shutil.which("chromium")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300"/>'
DRAWN = "html[data-drawn=yes]"
CLAIM = {
    "id": "mine", "says": "Masks help", "contrast": "smsp minus l2", "verdict": "supported", "paper": "A paper", "reported": "so",
    "where": "fashion_mnist, resnet20", "reason": "the tests agree", "measured": [], "quantity": "difference", "test": "none",
}  # fmt: skip
RULES = [
    {"id": name, "verdict": verdict, "title": "A rule", "looked_at": "all cells"}
    for name, verdict in (("B1", "pass"), ("B2", "fail"), ("X1", "not applicable"))
]


def records() -> pd.DataFrame:
    """Four splits, one of them unseen, two seeds, and a method that ran at one budget alone."""
    frame = fake.records(4, seeds=2)
    transfer = frame.stage == "transfer"
    frame = frame.assign(task_split=frame.task_split.mask(transfer & (frame.split == "s3"), "unseen"))
    return frame[~(transfer & (frame.method == "random") & (frame.budget_asked != 0.2))].reset_index(drop=True)


Given = tuple[pd.DataFrame, list[Table]]


def contents(frame: pd.DataFrame, given: Given) -> Contents:
    """A page's contents, with the comparisons and tables of the whole records: they are none of these tests' matter."""
    figure = Figure("a_figure", "A figure", "A caption", "Notes", "A line", pd.DataFrame(), lambda venue: Canvas())
    run = records_run(frame, fake.small_params(), contrasts=given[0], claims=[CLAIM], rules=RULES)
    return Contents(run, given[1], [figure], {"a_figure": {"svg": SVG}})


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return records()


@pytest.fixture(scope="module")
def means(frame: pd.DataFrame) -> pd.DataFrame:
    return transfer_means(frame)


@pytest.fixture(scope="module")
def given(frame: pd.DataFrame) -> Given:
    tables = [table("transfer", records_run(frame)), table("compression", records_run(frame.iloc[:0]))]
    return contrasts_of(fake.tables(frame), fake.small_params()), tables


@pytest.fixture(scope="module")
def text(frame: pd.DataFrame, given: Given) -> str:
    return render(contents(frame, given))


@pytest.fixture(scope="module")
def bare(frame: pd.DataFrame, given: Given) -> str:
    return render(contents(frame[frame.stage != "transfer"].reset_index(drop=True), given))


@pytest.fixture(scope="module")
def address(text: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(text)
    return path.as_uri()


def chosen(rows: pd.DataFrame, tasks: str, seed: str) -> pd.DataFrame:
    return rows[(rows.tasks == tasks) & (rows.seed == seed)]


KEYS = ["setting", "budget_asked", "steps", "method"]


@pytest.mark.parametrize(("tasks", "seed"), [(ALL, SEEDS), ("heldout", SEEDS), (ALL, "1"), ("unseen", "0")])
def test_means_over_tasks_are_those_of_tables_and_figures(frame, tasks, seed):
    frame = frame[frame.steps == 10]
    own = frame[frame.stage == "transfer"]
    own = own if tasks == ALL else own[own.task_split == tasks]
    own = own if seed == SEEDS else own[own.seed == int(seed)]
    given = chart_rows(frame)
    number = {tuple(row): place for place, row in enumerate(given.settings.itertuples(index=False, name=None))}
    settings = list(given.settings)
    means = transfer_means(own).assign(
        setting=lambda rows: [number[key] for key in rows[settings].itertuples(False, None)]
    )
    costs = cost_means(cost_rows(own, fake.tables(own)["timings"]))
    costs = costs.assign(setting=[number[key] for key in costs[settings].itertuples(False, None)])
    found = chosen(given.rows, tasks, seed).set_index(KEYS).sort_index()
    expected = means.set_index(KEYS).sort_index()
    same = {"accuracy": "accuracy", "half_width": "half_width", "n": "n", "failed": "failed"}
    for column, other in same.items():
        pd.testing.assert_series_equal(found[column], expected[other], check_names=False, check_dtype=False)
    spent = costs.set_index(KEYS).macs_total.sort_index()
    pd.testing.assert_series_equal(found.cost, spent, check_names=False, check_dtype=False)


def test_a_task_is_the_mean_of_its_runs(frame):
    given = chart_rows(frame)
    own = frame[
        (frame.stage == "transfer") & (frame.method == "smsp") & (frame.split == "s3") & (frame.task == "t1")
        & (frame.allocation == "uniform") & (frame.budget_asked == 0.1) & (frame.steps == 30)
    ]  # fmt: skip
    at = given.settings.index[given.settings.allocation == "uniform"][0]
    rows = given.rows[
        (given.rows.tasks == "s3/t1") & (given.rows.method == "smsp") & (given.rows.setting == at)
        & (given.rows.budget_asked == 0.1) & (given.rows.steps == 30)
    ]  # fmt: skip
    found = rows.set_index("seed")
    assert given.kinds["s3/t1"] == "unseen"
    assert set(found.index) == {SEEDS, "0", "1"}
    assert found.accuracy[SEEDS] == pytest.approx(own.accuracy.mean())
    assert found.n.to_dict() == {SEEDS: 2, "0": 1, "1": 1}
    assert found.half_width[SEEDS] == pytest.approx(12.706 * own.accuracy.std() / 2**0.5, rel=1e-4)
    assert found.half_width[["0", "1"]].isna().all()


def test_levels_that_are_too_many_are_left_out_and_named(frame):
    whole = chart_rows(frame)
    assert whole.left_out == ()
    single = chart_rows(frame, most=len(whole.rows) - 1)
    assert single.left_out == ("single runs of a task",)
    few = chart_rows(frame, most=0)
    assert few.left_out == ("means of single seeds", "single tasks", "single runs of a task")
    assert set(few.rows.seed) == {SEEDS}
    assert set(few.rows.tasks) == {ALL, "heldout", "unseen"}


def test_one_seed_has_no_filter_of_seeds(frame):
    given = chart_rows(frame[frame.seed == 0])
    assert given.runs == ("0",)
    assert set(given.rows.seed) == {SEEDS}


def test_tasks_of_two_data_sets_are_told_apart(frame):
    other = frame[frame.stage == "transfer"].assign(dataset="kmnist")
    given = chart_rows(pd.concat([frame, other], ignore_index=True))
    assert {"fashion_mnist s0/t0", "kmnist s0/t0"} <= set(given.rows.tasks)


def test_small_things_by_hand():
    assert natural("s10/t2") > natural("s2/t10")
    assert inline({"a": "</script><!--"}) == '{"a":"\\u003c/script>\\u003c!--"}'
    assert polygon(4) == "M0.000,-1.000L1.000,0.000L0.000,1.000L-1.000,0.000Z"
    assert polygon(5, inner=0.4).count("L") == 9
    assert "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" in policy([""], "x")
    assert "script-src 'none'" in policy([], "x")


def test_methods_have_their_colours_and_data_are_whole(frame):
    found = interactive(chart_rows(frame))
    assert found is not None
    data = json.loads(found.data)
    columns = [sum(each["times"]) if isinstance(each, dict) else len(each) for each in data["rows"].values()]
    assert {item["name"]: item["colour"] for item in data["methods"]} == {
        name: colour(name) for name in ("smsp", "l2", "taylor", "universal", "random", "dense")
    }
    assert set(columns) == {len(chart_rows(frame).rows)}
    assert list(found.methods) == ["method", "rival", "control", "reference"]


def test_two_pages_of_the_same_records_are_equal_byte_for_byte(frame, given, text):
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    assert render(contents(shuffled, given)) == text


def test_a_page_without_transfer_says_so_and_carries_no_script(bare):
    assert "<script" not in bare
    assert "There are no interactive curves" in bare
    assert "there are no tasks to show" in bare
    assert "script-src 'none'" in re.findall(r"Content-Security-Policy.*", bare)[0].replace("&#39;", "'")
    assert len(bare) < 100_000


def test_a_page_of_failures_alone_has_no_charts(frame, given):
    page = render(contents(fake.fail(frame, pd.Series(True, frame.index)), given))
    assert "<script" not in page
    assert "There are no interactive curves" in page
    assert "the loss was not finite at step 7" in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROME is None:
        pytest.skip("no chromium found: install it, or give its path in CHROME")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROME, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, drawn; at the end it must have said nothing and asked for nothing."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(10_000)
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: said.append(f"error: {error}"))
    opened.on("request", lambda request: asked.append(request.url.split("#")[0]))
    opened.goto(address)
    opened.locator(DRAWN).wait_for()
    yield opened
    opened.wait_for_timeout(50)
    opened.close()
    assert said == []
    assert set(asked) == {address}


def after(page: Any, act: Any) -> None:
    """Act, and wait until the charts are drawn anew."""
    act()
    page.locator(DRAWN).wait_for()


def choose(page: Any, name: str, text: str) -> None:
    after(page, lambda: page.locator(f"select[name={name}]").select_option(label=text))


def tick(page: Any, name: str) -> Any:
    return page.get_by_role("checkbox", name=name, exact=True)


def marks(page: Any, chart: str) -> list[str]:
    """What the points of a chart say of themselves."""
    points = page.locator(f"#chart-{chart} .mark-symbol path")
    return [points.nth(place).get_attribute("aria-label") for place in range(points.count())]


def words(row: pd.Series, name: str) -> str:
    """What the point of a row of `transfer_means` says."""
    level, width = round(100 * row.accuracy, 2), round(100 * row.half_width, 2)  # as far as a page has them
    interval = f"{level - width:.1f} to {level + width:.1f}"
    return f"{name}, kept {row.budget_asked:g}, T {row.steps}: {100 * row.accuracy:.1f}, interval {interval}, n {row.n} splits"


def test_every_chart_is_drawn_with_the_numbers_of_the_table(page, means):
    means = means[means.allocation == "global_macs"]
    budgets, steps = page.locator("select[name=budget]").input_value(), page.locator("select[name=steps]").input_value()
    assert (budgets, steps) == ("0.2", "10")
    smsp = means[means.method == "smsp"]
    in_budgets = [words(row, "SMSP") for _, row in smsp[smsp.steps == 10].iterrows()]
    in_steps = [words(row, "SMSP") for _, row in smsp[smsp.budget_asked == 0.2].iterrows()]
    for chart, expected in (
        ("budgets", in_budgets),
        ("steps", in_steps),
        ("costs", in_steps),
        ("methods", in_budgets[1:]),
    ):
        assert sorted(text for text in marks(page, chart) if text.startswith("SMSP")) == sorted(expected), chart
    assert [len(marks(page, chart)) for chart in ("budgets", "steps", "methods", "costs")] == [11, 18, 6, 18]
    assert page.locator("#chart-methods .mark-rect path").count() == 6 * 8, "a thin line a task"


def test_each_filter_changes_what_is_drawn(page):
    before = marks(page, "budgets")
    choose(page, "steps", "30")
    assert all("T 30" in text for text in marks(page, "budgets"))
    choose(page, "budget", "0.1")
    assert all("kept 0.1" in text for text in marks(page, "steps"))
    assert len(marks(page, "steps")) == 15, "one method did not run here"
    choose(page, "setting", "resnet20, uniform")
    assert len({text.split(",")[1] for text in marks(page, "budgets")}) == 3
    choose(page, "tasks", "unseen tasks")
    assert all("n 1 split" in text for text in marks(page, "budgets"))
    choose(page, "tasks", "s3/t1 (unseen)")
    assert all(text.endswith("n 2 runs") for text in marks(page, "budgets"))
    choose(page, "seed", "seed 1")
    assert all("interval none of 1 run" in text for text in marks(page, "methods"))
    assert "s3/t1 (unseen); seed 1; 6 of 6 methods" in page.locator("#shown").text_content()
    assert marks(page, "budgets") != before


def test_methods_are_ticked_singly_and_by_role(page):
    after(page, lambda: tick(page, "Taylor").uncheck())
    assert not [text for text in marks(page, "steps") if text.startswith("Taylor")]
    assert len(marks(page, "steps")) == 15
    after(page, lambda: page.get_by_role("button", name="The method and the reference").click())
    assert {text.split(",")[0] for text in marks(page, "steps")} == {"SMSP", "dense"}
    after(page, lambda: page.get_by_role("button", name="Tick all").click())
    assert len(marks(page, "steps")) == 18


def test_nothing_ticked_is_said_and_is_no_end(page):
    for box in page.locator("input[name=method]").all():
        after(page, box.uncheck)
    assert page.locator("#empty-budgets").is_visible()
    assert not page.locator("#chart-budgets").is_visible()
    after(page, lambda: tick(page, "L2").check())
    assert not page.locator("#empty-budgets").is_visible()
    assert len(marks(page, "steps")) == 3


def test_a_task_leads_to_its_curves(page):
    page.locator("#tasks summary").nth(2).click()
    after(page, lambda: page.locator("#tasks a[data-tasks]").nth(2).click())
    assert "s1/t0 (held out)" in page.locator("#shown").text_content()
    assert page.url.endswith("#curves")


def test_a_tooltip_gives_n_and_interval(page):
    page.locator("#chart-steps .mark-symbol path").last.hover()
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    said = tip.inner_text()
    assert "4 splits" in said
    assert re.search(r"95 % interval\s+\d+\.\d to \d+\.\d", said)


def test_numbers_of_the_curves_are_there_as_a_table(page):
    page.get_by_text("Numbers of these tasks").click()
    rows = page.locator("#numbers tr")
    assert rows.count() == 5 * 2 * 3 + 3
    assert rows.first.locator("td").all_text_contents()[0] == "SMSP"


def test_every_control_is_reached_by_tab_and_has_a_label(page):
    page.evaluate("() => document.querySelectorAll('#filters *').forEach((item, n) => { item.dataset.n = n; })")
    controls = page.evaluate(
        "() => [...document.querySelectorAll('#filters select, #filters input, #filters button')].map(item => item.dataset.n)"
    )
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('#filters select, #filters input')]"
        ".filter(item => !item.labels.length || !item.labels[0].textContent.trim()).length"
    )
    assert nameless == 0
    page.locator("#curves a").first.focus()
    reached = []
    for _ in controls:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.dataset.n"))
    assert reached == controls


def test_filters_work_without_a_mouse(page):
    page.locator("select[name=steps]").focus()
    after(page, lambda: page.keyboard.press("ArrowDown"))
    assert all("T 30" in text for text in marks(page, "budgets"))
    tick(page, "SMSP").focus()
    page.keyboard.press("Space")
    page.locator("#shown", has_text="5 of 6 methods").wait_for()
    assert not [text for text in marks(page, "budgets") if text.startswith("SMSP")]


def test_links_resolve(page):
    missing = page.evaluate(
        "() => [...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.getAttribute('href').slice(1))"
        ".filter(name => !document.getElementById(name))"
    )
    assert missing == []
    assert page.locator(".contents a").count() == page.locator("main > section").count()
    page.locator(".contents a", has_text="Glossary").click()
    assert page.locator(".contents").bounding_box()["y"] == 0, "it stays in sight"


def test_a_phone_scrolls_in_one_direction(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for place in range(2):
        page.locator("#tasks summary").nth(place).click()
    after(page, lambda: page.locator("select[name=setting]").select_option(index=1))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    box = page.locator("#chart-budgets svg").bounding_box()
    assert 250 < box["width"] <= 390


def test_paper_shows_all_but_the_filters(page):
    page.emulate_media(media="print")
    for hidden in ("#filters", ".contents"):
        assert not page.locator(hidden).is_visible()
    assert page.locator("#chart-budgets svg").is_visible()
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("#task-1 table").is_visible()
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_scripts_the_page_points_to_its_figures(browser, address):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("noscript").is_visible()
    assert not opened.locator("#filters").is_visible()
    assert opened.locator("#figure-a_figure img").is_visible()
    context.close()


def test_the_policy_lets_nothing_out(browser, address):
    opened = browser.new_page()
    opened.goto(address)
    opened.locator(DRAWN).wait_for()
    tried = opened.evaluate("() => fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    blocked = opened.evaluate(
        "() => new Promise(done => { document.addEventListener('securitypolicyviolation', event =>"
        " done(event.effectiveDirective)); new Image().src = 'http://127.0.0.1:9/x.png'; })"
    )
    assert (tried, blocked) == ("refused", "img-src")
    opened.close()


def test_a_page_without_charts_is_quiet_too(browser, bare, tmp_path: Path):
    path = tmp_path / "index.html"
    path.write_text(bare)
    said: list[str] = []
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.on("console", lambda message: said.append(message.text))
    opened.goto(path.as_uri())
    assert opened.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert opened.locator("#curves").inner_text().count("no interactive curves") == 1
    opened.close()
    assert said == []
