"""Run a control plane: etcd, kube-apiserver and kube-controller-manager on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import commands, credentials
from tests.support.controlplane.errors import ControlPlaneError
from tests.support.controlplane.loopback import free_ports, wait_until_ok
from tests.support.controlplane.process import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane and the credentials of its administrator.

    The administrator is in ``system:masters``, which RBAC allows everything and which API priority
    and fairness never holds up. A test or benchmark of either needs a service account's token.

    Attributes:
        server: Base URL, ``https://127.0.0.1:<port>``.
        ca_file: PEM that verifies the server's certificate.
        token: The administrator's bearer token.
        kubeconfig: The administrator's kubeconfig.
        assets: Directory of the executables, ``kubectl`` among them.
        log_dir: Logs of the three processes.
        audit_log: One audit.k8s.io/v1 Event a line, level Metadata, stage ResponseComplete: all
            requests but those of the control plane itself, and of those the writes to Pods. A line
            is written after the client has its answer, so a reader must wait for it.
        processes: The three processes, with their ids.
    """

    server: str
    ca_file: Path
    token: str
    kubeconfig: Path
    assets: Path
    log_dir: Path
    audit_log: Path
    processes: Processes

    @property
    def minor(self) -> int:
        """The API server's minor release: 36 of Kubernetes 1.36."""
        return int(json.loads(self.kubectl("get", "--raw=/version").stdout)["minor"])

    def wait_until_served(self, *crds: str) -> None:
        """Wait until the API server serves the kinds of these CRDs, given by name.

        Raises:
            ControlPlaneError: It doesn't.
        """
        wait = ("wait", "--for=condition=Established", "--timeout=60s", "crd", *crds)
        while True:
            try:
                self.kubectl(*wait)
            except ControlPlaneError as error:
                # kubectl doesn't wait for a CRD that is so new that it has no conditions.
                if "conditions accessor error" not in str(error):
                    raise
                time.sleep(0.05)
            else:
                return

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002  the name that subprocess.run gives it
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return its output.

        Args:
            args: Its arguments.
            input: Its standard input.
            check: Raise when it fails.
            kubeconfig: Another identity than the administrator.

        Raises:
            ControlPlaneError: kubectl failed and ``check`` is set; the message has its output.
        """
        result = subprocess.run(
            [str(self.assets / "kubectl"), f"--kubeconfig={kubeconfig or self.kubeconfig}", *args],
            input=input,
            # Its caches and preferences go beside the kubeconfig, not into somebody's home.
            env={**os.environ, "HOME": str(self.kubeconfig.parent), "KUBERC": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            raise ControlPlaneError(
                f"kubectl {' '.join(args)} failed with code {result.returncode}:\n"
                f"{result.stderr}{result.stdout}"
            )
        return result

    def kubeconfig_for(
        self, token: str, *, server: str | None = None, namespace: str | None = None, path: Path
    ) -> Path:
        """Write a kubeconfig for another identity or another URL and return its path.

        Args:
            token: Bearer token, for example one of ``kubectl create token``.
            server: Base URL of a proxy in between; the API server's own if None. To an ``http:``
                one kubectl sends no token; the Python client does.
            namespace: The context's namespace.
            path: The file to write.
        """
        return credentials.write_kubeconfig(
            path,
            server=server or self.server,
            ca_file=self.ca_file,
            token=token,
            namespace=namespace,
        )


@contextlib.contextmanager
def running(
    assets: Path,
    *,
    manifests: Sequence[Path] = (),
    apiserver_args: Sequence[str] = (),
    controller_manager_args: Sequence[str] = (),
    keep_logs: Callable[[], bool] = lambda: False,
    api_port: int | None = None,
) -> Iterator[ControlPlane]:
    """Start a control plane, and leave nothing of it when the block ends.

    Args:
        assets: Directory of the executables.
        manifests: Files to apply before the controllers start. The place for CRDs: the garbage
            collector looks for kinds when it starts, and then only every 30 s.
        apiserver_args: Further flags of kube-apiserver.
        controller_manager_args: Further flags of kube-controller-manager.
        keep_logs: Asked at the end; True keeps the logs although nothing went wrong here (say,
            because a test failed).
        api_port: Where the API server listens; a free port if None.

    Raises:
        ControlPlaneError: A process did not become ready, or ended before the block did. Its logs
            stay where the message says.
    """
    etcd_port, free_port = free_ports(2)
    directory = Path(tempfile.mkdtemp(prefix="cnat-controlplane-"))
    layout = commands.Layout(directory, etcd_port, api_port or free_port)
    layout.logs.mkdir()
    keep = False
    try:
        with Processes(layout.logs) as processes:
            tokens = _prepare(layout)
            _start_api(assets, layout, processes, tokens[commands.ADMIN], apiserver_args)
            kubeconfigs = {
                user: credentials.write_kubeconfig(
                    layout.directory / f"{user}.kubeconfig",
                    server=layout.server,
                    ca_file=layout.ca_file,
                    token=token,
                )
                for user, token in tokens.items()
            }
            control_plane = ControlPlane(
                server=layout.server,
                ca_file=layout.ca_file,
                token=tokens[commands.ADMIN],
                kubeconfig=kubeconfigs[commands.ADMIN],
                assets=assets,
                log_dir=layout.logs,
                audit_log=layout.audit_log,
                processes=processes,
            )
            _apply(manifests, control_plane)
            _start_controllers(control_plane, layout, kubeconfigs, controller_manager_args)
            yield control_plane
            processes.check()
            keep = keep_logs()
    except Exception:
        keep = True
        raise
    finally:
        _remove(layout, keep=keep)


def _prepare(layout: commands.Layout) -> dict[str, str]:
    layout.certificates.mkdir()
    credentials.write_signing_key(layout.signing_key)
    users = {commands.ADMIN: "system:masters", commands.CONTROLLER_MANAGER: ""}
    return credentials.write_tokens(layout.tokens, users)


def _start_api(
    assets: Path, layout: commands.Layout, processes: Processes, token: str, args: Sequence[str]
) -> None:
    etcd = processes.start(assets / "etcd", commands.etcd(layout))
    wait_until_ok(f"http://127.0.0.1:{layout.etcd_port}/health", etcd)
    apiserver = processes.start(
        assets / "kube-apiserver", (*commands.kube_apiserver(layout), *args)
    )
    wait_until_ok(f"{layout.server}/readyz", apiserver, ca_file=layout.ca_file, token=token)


def _apply(manifests: Sequence[Path], control_plane: ControlPlane) -> None:
    for manifest in manifests:
        control_plane.kubectl("apply", f"--filename={manifest}")
    names = control_plane.kubectl("get", "crd", "--output=jsonpath={.items[*].metadata.name}")
    if crds := names.stdout.split():
        control_plane.wait_until_served(*crds)


def _start_controllers(
    control_plane: ControlPlane,
    layout: commands.Layout,
    kubeconfigs: Mapping[str, Path],
    args: Sequence[str],
) -> None:
    kubeconfig = kubeconfigs[commands.CONTROLLER_MANAGER]
    manager = control_plane.processes.start(
        control_plane.assets / "kube-controller-manager",
        (*commands.kube_controller_manager(layout, kubeconfig), *args),
    )
    # Without it the API server refuses every Pod, so nothing can be tested before it is there.
    wait_until_ok(
        f"{layout.server}/api/v1/namespaces/default/serviceaccounts/default",
        manager,
        ca_file=layout.ca_file,
        token=control_plane.token,
    )


def _remove(layout: commands.Layout, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(layout.directory)
        return
    for path in layout.directory.iterdir():
        if path == layout.logs:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    sys.stderr.write(f"The control plane's logs are kept in {layout.logs}\n")
