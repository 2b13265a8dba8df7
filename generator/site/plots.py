"""Draw bar and column charts as SVG for a page. Pure; a table beside each plot shows the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from generator.site.graph_layout import truncate_line

_COLUMN_CHART_WIDTH, _BAR_CHART_WIDTH, _BAR_ROW_HEIGHT, _NAME_WIDTH, _VALUE_WIDTH = 640, 430, 26, 130, 50
_COLUMN_CHART_HEIGHT, _AXIS_HEIGHT = 180, 40


class Bar(NamedTuple):
    """A named value, with its text; `marked_value` is the part that is highlighted."""

    name: str
    value: float
    value_text: str
    marked_value: float = 0


def draw_column_chart(bars: Sequence[Bar], title: str, id_prefix: str) -> str:
    """Draw vertical bars side by side, for values over time."""
    root = _create_plot_root(_COLUMN_CHART_WIDTH, _COLUMN_CHART_HEIGHT + _AXIS_HEIGHT, title, bars, id_prefix)
    highest = max((bar.value for bar in bars), default=0) or 1
    step = _COLUMN_CHART_WIDTH / max(1, len(bars))
    _add_element(root, "line", "axis", x1=0, y1=_COLUMN_CHART_HEIGHT, x2=_COLUMN_CHART_WIDTH, y2=_COLUMN_CHART_HEIGHT)
    for number, bar in enumerate(bars):
        x, tall = number * step + 5, bar.value / highest * (_COLUMN_CHART_HEIGHT - 24)
        _add_element(root, "rect", "bar", x=x, y=_COLUMN_CHART_HEIGHT - tall, width=step - 10, height=tall, rx=2)
        low = bar.marked_value / highest * (_COLUMN_CHART_HEIGHT - 24)
        if low:
            _add_element(
                root, "rect", "bar marked", x=x, y=_COLUMN_CHART_HEIGHT - low, width=step - 10, height=low, rx=2
            )
        middle = x + step / 2 - 5
        if bar.value:
            _add_element(root, "text", "value", bar.value_text, x=middle, y=_COLUMN_CHART_HEIGHT - tall - 7)
        _add_element(root, "text", "tick", bar.name, x=middle, y=_COLUMN_CHART_HEIGHT + 20)
    return ElementTree.tostring(root, encoding="unicode")


def draw_bar_chart(bars: Sequence[Bar], title: str, id_prefix: str) -> str:
    """Draw horizontal bars one below the other, for a comparison."""
    root = _create_plot_root(_BAR_CHART_WIDTH, len(bars) * _BAR_ROW_HEIGHT + 8, title, bars, id_prefix)
    highest = max((bar.value for bar in bars), default=0) or 1
    for number, bar in enumerate(bars):
        y, long = number * _BAR_ROW_HEIGHT + 4, bar.value / highest * (_BAR_CHART_WIDTH - _NAME_WIDTH - _VALUE_WIDTH)
        _add_element(root, "text", "name", truncate_line(bar.name, 18), x=_NAME_WIDTH - 10, y=y + 16)
        _add_element(root, "rect", "bar", x=_NAME_WIDTH, y=y + 2, width=max(long, 1), height=_BAR_ROW_HEIGHT - 8, rx=2)
        _add_element(root, "text", "shown", bar.value_text, x=_NAME_WIDTH + long + 8, y=y + 16)
    return ElementTree.tostring(root, encoding="unicode")


def _create_plot_root(
    width: float, height: float, title: str, bars: Sequence[Bar], id_prefix: str
) -> ElementTree.Element:
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "class": "plot", "role": "img"})
    root.set("aria-labelledby", f"{id_prefix}-title {id_prefix}-description")
    ElementTree.SubElement(root, "title", id=f"{id_prefix}-title").text = title
    told = "; ".join(f"{bar.name}: {bar.value_text}" for bar in bars)
    ElementTree.SubElement(root, "desc", id=f"{id_prefix}-description").text = told or "nothing"
    return root


def _add_element(root: ElementTree.Element, tag: str, css_class: str, text: str = "", **attributes: float) -> None:
    element = ElementTree.SubElement(
        root, tag, {"class": css_class, **{key: f"{at:.4g}" for key, at in attributes.items()}}
    )
    element.text = text or None
