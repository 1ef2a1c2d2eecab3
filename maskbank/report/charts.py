"""The interactive charts, as Vega-Lite. They draw the rows that the page hands them, and filter nothing themselves."""

from typing import Any

import altair as alt

HEIGHT = 280
INK, SOFT, LINE = "#1c1f23", "#59616b", "#e6e6e6"
PARAMS: dict[str, Any] = {"focus": "", "x_domain": [0, 1], "x_ticks": [], "x_first": 1}  # set by the page
FADED = alt.condition("focus == '' || focus == datum.label", alt.value(1), alt.value(0.12))
ACCURACY = alt.Axis(title="accuracy (points)", format=".0f", tickCount=6)
SHAPE, WORDS = alt.Shape("shape:N", scale=None), alt.Description("words:N")
COST = "datum.value == 0 ? '0' : format(datum.value, '~s')"
TOOLTIP = [
    alt.Tooltip("label:N", title="method"),
    alt.Tooltip("role:N"),
    alt.Tooltip("budget:Q", title="kept"),
    alt.Tooltip("steps:Q", title="T"),
    alt.Tooltip("said:N", title="accuracy"),
    alt.Tooltip("interval:N", title="95 % interval"),
    alt.Tooltip("units:N", title="n"),
    alt.Tooltip("failed:Q", title="not ok"),
    alt.Tooltip("macs:N", title="total MACs"),
]


def charts() -> dict[str, dict[str, Any]]:
    """Specs by name. Data `rows` and `parts` and the params of PARAMS are given by the page."""
    kept = alt.X("place:Q").axis(title="fraction kept", values=ticks(), format="~g").scale(
        type="log", base=2, domain=alt.ExprRef("x_domain"), nice=False
    )  # fmt: skip
    steps = alt.X("steps:Q").axis(title="steps T", values=ticks(), format="d").scale(
        type="symlog", constant=alt.ExprRef("x_first"), domain=alt.ExprRef("x_domain"), nice=False
    )  # fmt: skip
    cost = alt.X("cost:Q").axis(title="total MACs of one task", values=ticks(), labelExpr=COST).scale(
        type="symlog", constant=alt.ExprRef("x_first"), domain=alt.ExprRef("x_domain"), nice=False
    )  # fmt: skip
    found: dict[str, alt.LayerChart] = {
        "budgets": curves(kept, "Accuracy against the fraction kept, one line a method."),
        "steps": curves(steps, "Accuracy against adaptation steps, one line a method."),
        "costs": curves(cost, "Accuracy against total cost, one line a method over T.", order="steps:Q"),
        "methods": strip("Accuracy of each method at one budget and T, with its parts as thin lines."),
    }
    return {name: whole(chart, name).to_dict() for name, chart in found.items()}


def ticks() -> alt.ExprRef:
    return alt.ExprRef("x_ticks")


def level(field: str) -> alt.Y:
    return alt.Y(field, axis=ACCURACY).scale(zero=False, nice=True)


def curves(x: alt.X, description: str, order: str = "place:Q") -> alt.LayerChart:
    """Lines with points; bands and bars of the 95 % intervals, of no height where the page shows none."""
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=x, color=alt.Color("colour:N", scale=None), detail="label:N", opacity=FADED
    )
    line = base.encode(y=level("accuracy:Q"), strokeDash=alt.StrokeDash("dash:N", scale=None), order=order)
    return layered(
        base.mark_area(fillOpacity=0.13, strokeOpacity=0, aria=False).encode(y=level("band_low:Q"), y2="band_high:Q"),
        base.mark_rule(aria=False).encode(y=level("bar_low:Q"), y2="bar_high:Q"),
        line.mark_line(strokeWidth=1.8, aria=False),
        base.mark_point(filled=True, size=60).encode(
            y=level("accuracy:Q"), shape=SHAPE, tooltip=TOOLTIP, description=WORDS
        ),
        description=description,
    )


def layered(*layers: alt.Chart, description: str) -> alt.LayerChart:
    return alt.LayerChart(layer=list(layers), height=HEIGHT, description=description)


def strip(description: str) -> alt.LayerChart:
    """A row a method: its mean with its interval, and thin lines for the tasks or runs that make it."""
    rows = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelLimit=180, ticks=False, grid=True))
    points = alt.X("accuracy:Q", axis=ACCURACY).scale(zero=False, nice=True)
    base = alt.Chart(alt.NamedData("rows")).encode(
        y=rows, color=alt.Color("colour:N", scale=None), opacity=FADED, tooltip=TOOLTIP
    )
    parts = alt.Chart(alt.NamedData("parts")).encode(
        x=points, y=rows, color=alt.Color("colour:N", scale=None),
        tooltip=[alt.Tooltip("label:N", title="method"), "part:N", alt.Tooltip("said:N", title="accuracy")],
    )  # fmt: skip
    return layered(
        base.mark_rule(strokeWidth=2, aria=False).encode(
            x=alt.X("bar_low:Q", axis=ACCURACY).scale(zero=False), x2="bar_high:Q"
        ),
        base.mark_point(filled=True, size=75).encode(x=points, shape=SHAPE, description=WORDS),
        parts.mark_tick(thickness=1, size=11, opacity=0.55, aria=False),
        description=description,
    )


def whole(chart: alt.LayerChart, name: str) -> alt.LayerChart:
    """The chart with its name, its params, and the look of the page; as wide as its box."""
    font = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
    return (
        chart.properties(name=name, width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .add_params(*(alt.param(name=param, value=value) for param, value in PARAMS.items()))
        .configure(font=font, background="transparent", padding=2)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT, titleColor=INK, titleFontWeight="normal", labelFontSize=12, titleFontSize=12,
            gridColor=LINE, domainColor="#b9c0c9", tickColor="#b9c0c9", labelOverlap=False,
        )
    )  # fmt: skip
