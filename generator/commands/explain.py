"""`workloads explain`: explain errors by their codes."""

from __future__ import annotations

import re

import click

from generator import console
from generator.error_codes import read_error_codes
from generator.errors import error_url
from generator.registry.problems import require_known_names


@click.command("explain")
@click.argument("codes", nargs=-1, metavar="[CODE...]", type=str.upper)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_command(codes: tuple[str, ...], as_json: bool) -> None:
    """Explain errors: what each CODE means, why it is an error, and what to do.

    Without a CODE, list all codes with their titles.
    """
    known = read_error_codes()
    require_known_names(codes, known, "error code")
    chosen = [known[code] for code in codes or known]
    if as_json:
        console.print_json(
            [each._asdict() | ({"url": url} if (url := error_url(each.code)) else {}) for each in chosen]
        )
    elif not codes:
        console.print_table(("CODE", "TITLE"), [(each.code, each.title) for each in chosen], text_column=1)
    else:
        for number, each in enumerate(chosen):
            console.print_result(("\n" if number else "") + f"{each.code}: {each.title}")
            console.print_wrapped(_without_links(each.why))
            console.print_wrapped(_without_links(f"What to do: {each.fix}"))


def _without_links(markdown: str) -> str:
    """Markdown with the target of each link after its text: `policy (docs/policy.md)`."""
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1 (docs/\2)", markdown)
