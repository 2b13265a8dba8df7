"""The environment that git runs in: allowed variables, and settings that no configuration file can override."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

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
_FIXED_CONFIG = (
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


def disallowed_variables() -> list[str]:
    """List the variables of this process that git must not see (`GIT_DIR`, `GIT_TRACE`, `LD_PRELOAD`, …)."""
    extra = {name.strip() for name in os.environ.get(EXTRA_VARIABLES_SETTING, "").split(",")}
    return sorted(name for name in os.environ if not _is_allowed_variable(name) and name not in extra)


def _is_allowed_variable(name: str) -> bool:
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)


def git_variables(
    config: Sequence[tuple[str, str]], protocols: Iterable[str], extra_variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables to set for git; `config` is passed in variables, which `ps` does not show.

    The fixed settings come last because git uses the last value of a key.
    """
    result = {**_FIXED_VARIABLES, "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none", **(extra_variables or {})}
    settings = [*config, *_FIXED_CONFIG]
    result["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        result[f"GIT_CONFIG_KEY_{number}"] = key
        result[f"GIT_CONFIG_VALUE_{number}"] = value
    return result
