"""The command lines of the three servers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ADMIN = "admin"
CONTROLLER_MANAGER = "system:kube-controller-manager"

# What a cluster does to objects by itself. Left out is what needs nodes, volumes or a cloud.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)

# Who did what, without bodies: every request of a client under test, the reads too. The control
# plane's own chatter is left out, but not what its controllers do to Pods.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            "resources": [{"group": "", "resources": ["pods", "pods/*"]}],
        },
        {"level": "None", "users": ["system:apiserver", CONTROLLER_MANAGER]},
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class Layout:
    """The files of one control plane, all in one directory, and its ports on loopback."""

    directory: Path
    etcd_port: int
    api_port: int

    @property
    def server(self) -> str:
        """Base URL of the API server."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def logs(self) -> Path:
        """Directory of the servers' logs and the audit log."""
        return self.directory / "logs"

    @property
    def audit_log(self) -> Path:
        """One JSON audit.k8s.io/v1 Event a line."""
        return self.logs / "audit.log"

    @property
    def certificates(self) -> Path:
        """Directory in which the API server makes its own serving certificate."""
        return self.directory / "certificates"

    @property
    def ca_file(self) -> Path:
        """PEM of the API server's certificate and of the authority that signed it."""
        return self.certificates / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """PEM of the key that signs service account tokens."""
        return self.directory / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The static token file."""
        return self.directory / "tokens.csv"


def etcd(layout: Layout) -> tuple[str, ...]:
    """Return etcd's arguments: fast, and with no care for its data after a crash."""
    url = f"http://127.0.0.1:{layout.etcd_port}"
    return (
        f"--data-dir={layout.directory / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:0",  # it has no peers
        "--unsafe-no-fsync",
        f"--quota-backend-bytes={8 * 2**30}",  # 100,000 objects and their history
        "--log-level=warn",
    )


def kube_apiserver(layout: Layout) -> tuple[str, ...]:
    """Return kube-apiserver's arguments. Limits and admission plugins stay at their defaults."""
    policy = layout.directory / "audit-policy.json"
    policy.write_text(json.dumps(_AUDIT_POLICY))
    return (
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        "--bind-address=127.0.0.1",
        # Else it looks for a network interface, and a machine without one has no API server.
        "--advertise-address=127.0.0.1",
        # Loopback is not valid in the Endpoints of the service `kubernetes`, which nobody uses.
        "--endpoint-reconciler-type=none",
        f"--secure-port={layout.api_port}",
        f"--cert-dir={layout.certificates}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",  # as clusters have it; PodSecurity decides
        f"--token-auth-file={layout.tokens}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={layout.signing_key}",
        f"--service-account-key-file={layout.signing_key}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-mode=blocking",  # nothing of it is lost when the process is killed
        "--audit-log-maxsize=4000",  # MB; 0 would mean 100, and a rotated log reads as a short one
    )


def kube_controller_manager(layout: Layout, kubeconfig: Path) -> tuple[str, ...]:
    """Return kube-controller-manager's arguments."""
    return (
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        # Each controller with its own RBAC identity, as in a real cluster.
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.ca_file}",
        f"--cert-dir={layout.certificates}",
        "--secure-port=0",
        # Its default of 20 requests a second would make tests wait for garbage collection.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )
