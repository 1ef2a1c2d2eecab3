"""Figures inside the page, and how large a page may be."""

import re
from base64 import b64decode
from io import BytesIO
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure as Canvas
from PIL import Image

from benchmarks.reporting import generated
from maskbank.report.chart_rows import MOST_ROWS, chart_rows
from maskbank.report.embedded import MOST_BYTES, compact, hundredths, picture, sources, vector
from maskbank.report.figure import Figure, figure, rendered
from maskbank.report.interactive import packed
from maskbank.report.page import Contents, render
from maskbank.report.settings import MOST_DRAWN, by_setting, not_drawn
from maskbank.report.table import table
from maskbank.statistics.transfer import SETTING
from tests.report import fake
from tests.report.synthetic import records_run

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
LINE = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="x"><!-- two --><defs><path id="marker_1"'
    ' d="M 0 1.5 \nL -0.001 2 \nz\n" style="stroke: #ffffff"/></defs>\n<g id="axes_1" clip-path="url(#clip)">'
    '<use xlink:href="#marker_1" x="1.23456" transform="scale(0.015625)"/></g><clipPath id="clip"/></svg>'
)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return rendered(figure("accuracy_by_budget", records_run(fake.records(6))))


def noise(size: int, seed: int) -> bytes:
    stream, generator = BytesIO(), np.random.default_rng(seed)
    Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def test_a_small_figure_by_hand():
    assert compact(LINE) == (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="x"><defs><path id="1" d="M0 1.5L0 2z" style="stroke: #ffffff"/>'
        '</defs><g clip-path="url(#0)"><use href="#1" x="1.23" transform="scale(0.015625)"/></g><clipPath id="0"/></svg>'
    )


@given(st.floats(-10_000, 10_000, allow_nan=False))
def test_a_coordinate_moves_by_half_a_hundredth_at_most(value):
    assert abs(float(hundredths(f"{value:.6f}")) - value) <= 0.00501


def test_a_compact_figure_is_the_same_drawing(files):
    before, after = files["svg"].decode(), compact(files["svg"].decode())
    first, second = (list(ElementTree.fromstring(text).iter()) for text in (before, after))
    kept = [item for item in first if "w3.org/2000/svg" in item.tag and not item.tag.endswith("metadata")]
    assert [item.tag for item in kept] == [item.tag for item in second]
    assert [item.get("style") for item in kept] == [item.get("style") for item in second]
    for name in ("d", "x", "y", "transform"):
        for old, new in zip(
            (item.get(name, "") for item in kept), (item.get(name, "") for item in second), strict=True
        ):
            numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (old, new)]
            np.testing.assert_allclose(*numbers, rtol=0, atol=0.0051)
    named = {item.get("id") for item in second}
    assert set(re.findall(r"href=\"#([^\"]+)|url\(#([^)]+)\)", after)) <= {("", n) for n in named} | {
        (n, "") for n in named
    }
    assert len(after) < 0.75 * len(before)


def test_the_address_of_a_figure_holds_the_figure(files):
    address = vector(files["svg"])
    assert not set('"#\n') & set(address.removeprefix("data:image/svg+xml,"))
    found = unquote(address.removeprefix("data:image/svg+xml,"))
    assert ElementTree.fromstring(found).tag.endswith("svg")
    assert found.replace("'", '"') == compact(files["svg"].decode())


def test_a_picture_keeps_its_colours_where_they_are_few():
    stream, pixels = BytesIO(), np.zeros((2, 3, 3), dtype=np.uint8)
    pixels[0, 1] = (255, 0, 0)
    Image.fromarray(pixels).save(stream, format="PNG")
    found = Image.open(BytesIO(b64decode(picture(stream.getvalue()).partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(found.convert("RGB")), pixels)


def test_the_largest_figures_give_way():
    small, large = (f"<svg>{'x' * size}</svg>".encode() for size in (100, 9_000))
    files = {"a": {"svg": small}, "b": {"svg": large, "png": noise(4, 0)}, "c": {"svg": large, "png": noise(300, 1)}}
    assert all(text.startswith("data:image/svg") for text in sources(files).values())
    found = sources(files, 2_000)
    assert found["a"] == vector(small)
    assert found["b"].startswith("data:image/png")
    assert found["c"] == ""


@given(st.lists(st.sampled_from([None, 0, 1, 2.5]), max_size=30))
def test_a_packed_column_holds_the_column(values):
    found = packed(values)
    if isinstance(found, dict):
        assert len(found["values"]) < len(values) / 2
        found = [value for value, count in zip(found["values"], found["times"], strict=True) for _ in range(count)]
    assert found == values


def test_a_figure_draws_the_first_settings_and_says_so():
    labels = [{key: f"{key}{number}" for key in SETTING} for number in range(MOST_DRAWN + 1)]
    data = pd.DataFrame(labels)
    assert not_drawn(data[:-1]) == not_drawn(pd.DataFrame({"other": [1]})) == ""
    assert len(by_setting(data[:-1])) == len(by_setting(data)) == MOST_DRAWN
    assert [group.dataset.iloc[0] for _, group in by_setting(data)] == [row["dataset"] for row in labels[:-1]]
    assert f"the first {MOST_DRAWN} of {MOST_DRAWN + 1} settings" in not_drawn(data)


def test_a_page_of_many_records_stays_small():
    records = generated(18_000)["records"]
    params = fake.small_params()
    run = records_run(records, params)
    assert len(chart_rows(records).rows) > MOST_ROWS / 2
    names = ("first", "second", "third")
    figures = [Figure(name, name, "", "", "", pd.DataFrame(), lambda venue: Canvas()) for name in names]
    large = f"<svg>{'x' * MOST_BYTES}</svg>".encode()
    files = {name: {"svg": large, "png": noise(700, seed)} for seed, name in enumerate(names)}
    page = render(Contents(run, [table("transfer", run)], figures, files))
    assert 1_000_000 < len(page.encode()) <= fake.LARGEST_PAGE
    assert "Too large for this page" not in page
