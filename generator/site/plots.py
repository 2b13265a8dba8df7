"""Numbers → SVG bars that are part of a page. Pure; each plot has a table beside it that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from generator.site.layout import cut

_WIDTH, _LYING, _BAR, _NAME, _SHOWN = 640, 430, 26, 130, 50
_HEIGHT, _FOOT = 180, 40


class Bar(NamedTuple):
    """A value with its name, and how it is shown; `marked` is the part of it that is drawn apart."""

    name: str
    value: float
    shown: str
    marked: float = 0


def columns(bars: Sequence[Bar], title: str, name: str) -> str:
    """Upright bars, side by side: a course of time."""
    root = _root(_WIDTH, _HEIGHT + _FOOT, title, bars, name)
    highest = max((bar.value for bar in bars), default=0) or 1
    step = _WIDTH / max(1, len(bars))
    _add(root, "line", "axis", x1=0, y1=_HEIGHT, x2=_WIDTH, y2=_HEIGHT)
    for number, bar in enumerate(bars):
        x, tall = number * step + 5, bar.value / highest * (_HEIGHT - 24)
        _add(root, "rect", "bar", x=x, y=_HEIGHT - tall, width=step - 10, height=tall, rx=2)
        low = bar.marked / highest * (_HEIGHT - 24)
        if low:
            _add(root, "rect", "bar marked", x=x, y=_HEIGHT - low, width=step - 10, height=low, rx=2)
        middle = x + step / 2 - 5
        if bar.value:
            _add(root, "text", "value", bar.shown, x=middle, y=_HEIGHT - tall - 7)
        _add(root, "text", "tick", bar.name, x=middle, y=_HEIGHT + 20)
    return ElementTree.tostring(root, encoding="unicode")


def rows(bars: Sequence[Bar], title: str, name: str) -> str:
    """Lying bars, one below the other: a comparison."""
    root = _root(_LYING, len(bars) * _BAR + 8, title, bars, name)
    highest = max((bar.value for bar in bars), default=0) or 1
    for number, bar in enumerate(bars):
        y, long = number * _BAR + 4, bar.value / highest * (_LYING - _NAME - _SHOWN)
        _add(root, "text", "name", cut(bar.name, 18), x=_NAME - 10, y=y + 16)
        _add(root, "rect", "bar", x=_NAME, y=y + 2, width=max(long, 1), height=_BAR - 8, rx=2)
        _add(root, "text", "shown", bar.shown, x=_NAME + long + 8, y=y + 16)
    return ElementTree.tostring(root, encoding="unicode")


def _root(width: float, height: float, title: str, bars: Sequence[Bar], name: str) -> ElementTree.Element:
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "class": "plot", "role": "img"})
    root.set("aria-labelledby", f"{name}-title {name}-description")
    ElementTree.SubElement(root, "title", id=f"{name}-title").text = title
    told = "; ".join(f"{bar.name}: {bar.shown}" for bar in bars)
    ElementTree.SubElement(root, "desc", id=f"{name}-description").text = told or "nothing"
    return root


def _add(root: ElementTree.Element, tag: str, kind: str, text: str = "", **place: float) -> None:
    element = ElementTree.SubElement(root, tag, {"class": kind, **{key: f"{at:.4g}" for key, at in place.items()}})
    element.text = text or None
