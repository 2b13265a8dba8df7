"""What the user can do when a remote denies access."""

from __future__ import annotations

import os
import re
from pathlib import Path

from generator.git.config import GitConfig
from generator.git.environment import EXTRA_VARIABLES_SETTING, withheld_variables
from generator.git.remote_url import transport_scheme, url_host

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)|\b([A-Z][A-Z0-9_]{3,})\b")
_SECRET_NAME = re.compile(r"TOKEN|PASS|SECRET|CREDENTIAL|APIKEY|API_KEY|_PAT$|_USER", re.IGNORECASE)
_MAX_SCRIPT_BYTES, _MAX_LISTED = 64 * 1024, 6


def access_remedy(url: str, config: GitConfig, *, for_app: bool = False) -> str:
    """Return a hint for a remote that denied access, with the environment variables that git was not given."""
    remedies = ["check the URL and the credentials"]
    host = url_host(url)
    if for_app and transport_scheme(url) in ("http", "https") and not config.is_origin_host(url):
        place = host.removesuffix(":443") if transport_scheme(url) == "https" else host.removesuffix(":80")
        remedies.append(
            "an app's repository is only sent credentials that are for its host: "
            f"git config --global credential.{place}.helper HELPER"
        )
    names = _withheld_names(config)
    if names:
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        remedies.append(
            f"git does not see the variables {', '.join(names[:_MAX_LISTED])}{more}: if a helper needs one, pass it on "
            f"with {EXTRA_VARIABLES_SETTING}={names[0]}"
        )
    return "; ".join(remedies)


def _withheld_names(config: GitConfig) -> list[str]:
    """List the withheld variables that a helper reads; if no helper names one, those that look like a secret."""
    withheld = set(withheld_variables())
    commands = [value for _, key, value in config.settings if key.endswith((".helper", ".sshcommand", ".askpass"))]
    commands += [os.environ.get(name, "") for name in ("GIT_ASKPASS", "SSH_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSH")]
    named = {
        name for command in commands for text in (command, _read_script(command, config)) for name in _names_in(text)
    }
    return sorted(named & withheld) or sorted(name for name in withheld if _SECRET_NAME.search(name))


def _names_in(text: str) -> set[str]:
    return {name for pair in _VARIABLE.findall(text) for name in pair if name}


def _read_script(command: str, config: GitConfig) -> str:
    """Return the text of the script that `command` starts; empty if it starts none."""
    words = command.removeprefix("!").split()
    if not words or "/" not in words[0]:
        return ""
    place = (config.folder or Path.cwd()) / Path(words[0]).expanduser()
    try:
        with place.open("rb") as script:
            return script.read(_MAX_SCRIPT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
