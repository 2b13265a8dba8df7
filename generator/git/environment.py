"""The environment that git runs in: allowed variables, and settings that no configuration file can override."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from generator.errors import LocalError

_ALLOWED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
        # Where the user's git configuration and credentials are.
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_ASKPASS", "SSH_ASKPASS"),
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"),
        *("KRB5CCNAME", "KRB5_CONFIG", "GITHUB_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"),
        # Which certificates and proxies to use.
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY"),
        *("CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE", "GIT_SSL_NO_VERIFY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        # How a signing key is unlocked.
        *("GNUPGHOME", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"),
    }
)
_ALLOWED_PREFIXES = ("AWS_", "CLOUDSDK_", "GH_")
# Names of further variables to pass on, comma separated: a user's own credential helper may read any.
EXTRA_VARIABLES_SETTING = "WORKLOADS_GIT_ENV"

_FIXED_VARIABLES = {
    "LC_ALL": "C.UTF-8",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
#: Settings for every command; they come after the user's, because git uses the last value of a key.
FIXED_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    # A folder of a checkout can look like a bare repository; its configuration could run programs.
    ("safe.bareRepository", "explicit"),
    ("core.fsmonitor", "false"),
    # The clone is only a cache, so losing it in a crash is acceptable.
    ("core.fsync", "none"),
    ("core.quotePath", "false"),
    ("credential.interactive", "never"),
    ("http.lowSpeedLimit", "1024"),
    ("http.lowSpeedTime", "30"),
    ("http.followRedirects", "false"),
    ("fetch.unpackLimit", "1"),
    # Keep imported objects packed: unpacking them would compress them again, and the push once more.
    ("fastimport.unpackLimit", "1"),
    ("fetch.recurseSubmodules", "no"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.pushOption", ""),
)

_MAX_CONFIG_COUNT = 10_000
# A shell word as git quotes it: parts in single quotes, and an escaped quote or exclamation mark between them.
_QUOTED_WORD = r"'[^']*'(?:\\[!']'[^']*')*"
_QUOTED_PART = re.compile(r"'([^']*)'|\\([!'])")
_CONFIG_PARAMETER = re.compile(rf"({_QUOTED_WORD})(?:(=)({_QUOTED_WORD})?)?")


def withheld_variables() -> list[str]:
    """List the variables of this process that git does not see (`GIT_DIR`, `GIT_TRACE`, `LD_PRELOAD`, …)."""
    extra = {name.strip() for name in os.environ.get(EXTRA_VARIABLES_SETTING, "").split(",")}
    return sorted(name for name in os.environ if not _is_allowed_variable(name) and name not in extra)


def _is_allowed_variable(name: str) -> bool:
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)


def git_environment(
    config: Iterable[tuple[str, str]],
    protocols: Iterable[str],
    extra_variables: Mapping[str, str] | None = None,
    removed_variables: Iterable[str] = (),
) -> dict[str, str]:
    """Return all variables for a git process; `config` is passed in variables, which `ps` does not show."""
    withheld = {*withheld_variables(), *removed_variables}
    result = {name: value for name, value in os.environ.items() if name not in withheld}
    result |= {**_FIXED_VARIABLES, "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none", **(extra_variables or {})}
    settings = list(config)
    result["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        result[f"GIT_CONFIG_KEY_{number}"] = key
        result[f"GIT_CONFIG_VALUE_{number}"] = value
    return result


def read_config_variables() -> tuple[tuple[str, str], ...]:
    """Return the settings in `GIT_CONFIG_COUNT` and `GIT_CONFIG_PARAMETERS`, in the order in which git applies them.

    Raises `LocalError` if they are not what git accepts.
    """
    count = os.environ.get("GIT_CONFIG_COUNT", "") or "0"
    if not (count.isascii() and count.isdigit() and int(count) <= _MAX_CONFIG_COUNT):
        raise LocalError(
            "WL6003", f"GIT_CONFIG_COUNT is {count!r}, not a number of settings", remedy="correct or unset it"
        )
    pairs = []
    for number in range(int(count)):
        key, value = (os.environ.get(f"GIT_CONFIG_{kind}_{number}") for kind in ("KEY", "VALUE"))
        if not key or value is None:
            raise LocalError(
                "WL6003",
                f"GIT_CONFIG_COUNT is {count}, but GIT_CONFIG_KEY_{number} or GIT_CONFIG_VALUE_{number} is not set",
            )
        pairs.append((key, value))
    return (*pairs, *_parse_config_parameters(os.environ.get("GIT_CONFIG_PARAMETERS", "")))


def _parse_config_parameters(text: str) -> Iterator[tuple[str, str]]:
    """Parse what `git -c` passes to its children: `'key'='value'`, or `'key=value'` by versions before 2.31."""
    for key, equals, value in _CONFIG_PARAMETER.findall(text):
        name, old_equals, old_value = (_unquote(key), equals, _unquote(value))
        if not equals:
            name, old_equals, old_value = name.partition("=")
        yield name, old_value if old_equals else "true"


def _unquote(quoted: str) -> str:
    return "".join(escaped or plain for plain, escaped in _QUOTED_PART.findall(quoted))
