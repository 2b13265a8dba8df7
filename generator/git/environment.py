"""Our own environment → the one git runs in: an allow-list, and settings no configuration file can override."""

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
# A credential helper written by the user may read variables nobody can foresee: their names, comma separated.
EXTRA = "WORKLOADS_GIT_ENV"

_FIXED = {
    "LC_ALL": "C.UTF-8",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    # A crash may cost us the cache: that is what a cache is for.
    ("core.fsync", "none"),
    ("core.quotePath", "false"),
    ("credential.interactive", "never"),
    ("http.lowSpeedLimit", "1024"),
    ("http.lowSpeedTime", "30"),
    ("http.followRedirects", "false"),
    ("fetch.unpackLimit", "1"),
    # What is pushed next is then compressed once, and not once more to be taken apart and again to be sent.
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


def unwanted() -> list[str]:
    """Names of the variables we have and git must not see (`GIT_DIR`, `GIT_TRACE`, `LD_PRELOAD`, …)."""
    extra = {name.strip() for name in os.environ.get(EXTRA, "").split(",")}
    return sorted(name for name in os.environ if not _allowed(name) and name not in extra)


def _allowed(name: str) -> bool:
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)


def variables(
    config: Sequence[tuple[str, str]], protocols: Iterable[str], more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What is set beyond the allow-list. `config` goes by way of the environment, where `ps` does not show it.

    The fixed settings come last, because of two values for one key git takes the later.
    """
    result = {**_FIXED, "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none", **(more or {})}
    settings = [*config, *_CONFIG]
    result["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        result[f"GIT_CONFIG_KEY_{number}"] = key
        result[f"GIT_CONFIG_VALUE_{number}"] = value
    return result
