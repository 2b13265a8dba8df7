"""A real Argo CD on this machine, from programs in a folder: no container engine, no kubelet, no pods.

etcd, an API server and its controllers, Redis, and of Argo CD the repository server and the application controller.
All of them listen on 127.0.0.1 only, and end with the context.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: The variable with the folder of the programs.
FOLDER = "WORKLOADS_E2E_BIN"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "redis-server", "argocd", "helm")
CRDS = ("application", "applicationset", "appproject")
_HOST = "127.0.0.1"
_TOKEN = "not-a-secret"
_CONFIG_MAPS = ("cm", "rbac-cm", "cmd-params-cm", "ssh-known-hosts-cm", "tls-certs-cm", "gpg-keys-cm")


def find_missing() -> str:
    """What the programs' folder lacks, or an empty string."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return f"{FOLDER} names no folder with {', '.join(PROGRAMS)} and {', '.join(f'{crd}-crd.yaml' for crd in CRDS)}"
    wanted = [*PROGRAMS, *(f"{crd}-crd.yaml" for crd in CRDS)]
    missing = [name for name in wanted if not Path(folder, name).exists()]
    return f"{folder} ({FOLDER}) has no {', '.join(missing)}" if missing else ""


class Machine:
    """The processes, their ports and their files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.programs = Path(os.environ[FOLDER]).absolute()
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._started: list[subprocess.Popen[bytes]] = []
        names = ("etcd", "peer", "api", "kcm", "redis", "repo", "repo-metrics", "controller-metrics")
        self._ports = dict(zip(names, _find_free_ports(len(names)), strict=True))

    def start(self) -> None:
        """Start everything, and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start_cluster()
        self._create_argocd_objects()
        self._start_argocd()

    def stop(self) -> None:
        """End the processes, the last one first."""
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _at(self, name: str) -> str:
        return f"{_HOST}:{self._ports[name]}"

    def _start_cluster(self) -> None:
        key, tokens = self.folder / "sa.key", self.folder / "tokens.csv"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens.write_text(f"{_TOKEN},admin,admin,system:masters\n")
        self._write_kubeconfig()
        etcd, peer = f"http://{self._at('etcd')}", f"http://{self._at('peer')}"
        self._start(
            "etcd", f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}", "--unsafe-no-fsync", "--log-level=warn",
        )  # fmt: skip
        _wait(lambda: _answers(f"{etcd}/health"), "etcd")
        self._start(
            "kube-apiserver", f"--etcd-servers={etcd}", f"--bind-address={_HOST}", f"--advertise-address={_HOST}",
            f"--secure-port={self._ports['api']}", "--endpoint-reconciler-type=none", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16", f"--token-auth-file={tokens}",
            f"--cert-dir={self.folder / 'tls'}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        )  # fmt: skip
        _wait(lambda: self._kubectl("get", "--raw", "/readyz") == "ok", "the API server")
        controllers = "namespace-controller,garbage-collector-controller,serviceaccount-controller"
        self._start(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", f"--bind-address={_HOST}",
            f"--secure-port={self._ports['kcm']}", "--leader-elect=false", f"--cert-dir={self.folder / 'tls-kcm'}",
            f"--controllers={controllers},root-ca-certificate-publisher-controller",
        )  # fmt: skip

    def _write_kubeconfig(self) -> None:
        cluster = {"server": f"https://{self._at('api')}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin", "namespace": "argocd"}}],
            "current-context": "e2e",
        }
        self.kubeconfig.write_text(json.dumps(config))

    def _create_argocd_objects(self) -> None:
        """What Argo CD expects in its cluster: its CRDs, its namespace, empty settings, and the project `default`."""
        for crd in CRDS:
            self._kubectl("create", "-f", str(self.programs / f"{crd}-crd.yaml"))
        _wait(lambda: bool(self._kubectl("wait", "crd", "--all", "--for=condition=Established")), "the CRDs")
        labels = {"app.kubernetes.io/part-of": "argocd"}
        settings: list[tuple[str, str, dict[str, Any]]] = [("ConfigMap", f"argocd-{name}", {}) for name in _CONFIG_MAPS]
        settings.append(("Secret", "argocd-secret", {"stringData": {"server.secretkey": _TOKEN}}))
        items: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}]
        for kind, name, content in settings:
            metadata = {"name": name, "namespace": "argocd", "labels": labels}
            items.append({"apiVersion": "v1", "kind": kind, "metadata": metadata, **content})
        metadata = {"name": "default", "namespace": "argocd"}
        items.append({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata, "spec": {}})
        self._kubectl("apply", "-f", "-", data=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def _start_argocd(self) -> None:
        redis = self._at("redis")
        self._start(
            "redis-server", "--bind", _HOST, "--port", str(self._ports["redis"]), "--save", "", "--appendonly", "no",
            "--dir", str(self.folder),
        )  # fmt: skip
        _wait(lambda: self._listens("redis"), "Redis")
        self._start_argocd_program(
            "argocd-repo-server", "--address", _HOST, "--port", str(self._ports["repo"]), "--metrics-address", _HOST,
            "--metrics-port", str(self._ports["repo-metrics"]), "--redis", redis, "--revision-cache-expiration", "5s",
        )  # fmt: skip
        _wait(lambda: self._listens("repo"), "the repository server")
        self._start_argocd_program(
            "argocd-application-controller", "--kubeconfig", str(self.kubeconfig), "--namespace", "argocd", "--redis",
            redis, "--repo-server", self._at("repo"), "--metrics-port", str(self._ports["controller-metrics"]),
            "--app-resync", "30", "--app-resync-jitter", "0",
        )  # fmt: skip
        _wait(lambda: self._listens("controller-metrics"), "the application controller")

    def _start_argocd_program(self, name: str, *args: str) -> None:
        """Start one of Argo CD's processes: all are one program, which goes by a variable."""
        home = self.folder / name
        places = {f"ARGOCD_{kind}_DATA_PATH": str(home / kind.lower()) for kind in ("TLS", "SSH", "GPG")}
        for path in places.values():
            Path(path).mkdir(parents=True)
        variables = {
            **places,
            "ARGOCD_BINARY_NAME": name,
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_GNUPGHOME": str(home / "gpg"),
            "ARGOCD_PLUGINSOCKFILEPATH": str(home),
            "HOME": str(home),
            "TMPDIR": str(home),
        }
        self._start("argocd", "--logformat", "text", *args, **variables)

    def _start(self, program: str, *args: str, **variables: str) -> None:
        clean = {"PATH": f"{self.programs}:{os.environ['PATH']}", "KUBECONFIG": str(self.kubeconfig), "LANG": "C.UTF-8"}
        log = (self.folder / f"{variables.get('ARGOCD_BINARY_NAME', program)}.log").open("wb")
        command = [str(self.programs / program), *args]
        with log:
            process = subprocess.Popen(
                command,
                env={**clean, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)

    def _listens(self, name: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((_HOST, self._ports[name])) == 0

    def _kubectl(self, *args: str, data: str = "") -> str:
        """Run kubectl; empty if it fails."""
        command = [str(self.programs / "kubectl"), f"--kubeconfig={self.kubeconfig}", *args]
        return subprocess.run(command, input=data, capture_output=True, text=True, check=False).stdout.strip()


def _find_free_ports(count: int) -> list[int]:
    probes = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(is_ready: Callable[[], bool], what: str, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not is_ready():
        assert time.monotonic() < until, f"{what} is not ready after {seconds:.0f} seconds"
        time.sleep(0.3)


@contextmanager
def running(folder: Path) -> Iterator[Machine]:
    """A machine that runs as long as the context."""
    machine = Machine(folder)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
