"""The guide for release managers says what happens."""

from __future__ import annotations

from tests.promotion.guide import GUIDE, replayed
from tests.promotion.world import World


def test_the_guide_shows_what_the_commands_say(world: World) -> None:
    text = GUIDE.read_text()
    assert replayed(world, text) == text, "refresh with: python -m tests.promotion.guide"
