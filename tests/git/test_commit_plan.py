"""Who a commit is by."""

from __future__ import annotations

import pytest

from generator.errors import UsageError
from generator.git.commit_plan import GitIdentity


@pytest.mark.parametrize("name", ["", "  ", ".,;", "a\nb", "Ada <x", "a>b", "a\x00b", "a\u202eb", "\x1b[31m"])
@pytest.mark.parametrize("field", ["name", "email"])
def test_a_hostile_identity_is_refused(name: str, field: str) -> None:
    with pytest.raises(UsageError, match=field):
        GitIdentity(**{"name": "Ada", "email": "ada@example.org", field: name})


def test_an_identity_is_stripped_and_may_be_in_any_script() -> None:
    assert GitIdentity(" Ада Лавлейс ", "ada@example.org\n") == GitIdentity("Ада Лавлейс", "ada@example.org")
