"""The way to the cluster that kubectl would talk to: by a kubeconfig, or from within a Pod."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from kubernetes import client, config

from cnat import __version__
from cnat.cluster.connection import Connection
from cnat.cluster.kubeconfig import Kubeconfig, impersonation
from cnat.cluster.protocol import Unreachable
from cnat.core.fields import Manifest


class NotConfigured(Unreachable):
    """No usable cluster configuration. The text says what was looked for."""


def connect(kubeconfig: str | None, context: str | None, width: int) -> Connection:
    """A connection to the cluster that kubectl would talk to with the same two flags.

    In-cluster credentials count where there is neither a flag, nor KUBECONFIG, nor
    `~/.kube/config`.

    Args:
        width: how many requests will be under way at once.

    Raises:
        NotConfigured: a named file, context or user doesn't exist or can't be used, or nothing is
            configured at all.
    """
    configuration = client.Configuration()
    configuration.retries = False  # One place retries: Transport, which knows the deadline.
    configuration.connection_pool_maxsize = width
    wanted = kubeconfig or os.environ.get("KUBECONFIG") or ""
    # The user of a container may have no home, or one that it can't look into.
    files = wanted or str(Path(os.environ.get("HOME", "/"), ".kube/config"))
    try:
        if wanted or context or os.access(files, os.R_OK):
            return _by_kubeconfig(files, context, configuration)
        config.load_incluster_config(client_configuration=configuration)
    except NotConfigured:
        raise
    except Exception as error:  # Whatever the client stumbles over in a file that is none.
        if kubeconfig and not os.access(kubeconfig, os.F_OK):
            raise NotConfigured(f"the kubeconfig {kubeconfig} does not exist") from error
        raise NotConfigured(_why_not(files, context, error)) from error
    return Connection(_client(configuration))


def _by_kubeconfig(
    files: str, context: str | None, configuration: client.Configuration
) -> Connection:
    kubeconfig = Kubeconfig(files)
    context = context or kubeconfig.current_context

    def load() -> None:
        config.load_kube_config(files, context, client_configuration=configuration)

    load()
    name = kubeconfig.user_name(context) if context else ""
    user = kubeconfig.user(name) if name else {}
    if user is None:
        raise NotConfigured(
            f"the context {context!r} logs in as the user {name!r}, who is not in {files}; add "
            "that user, or choose another --context"
        )
    if "exec" in user and not (configuration.api_key or configuration.cert_file):
        raise NotConfigured(_why_no_credentials(files, name, user["exec"]))
    configured = _client(configuration)
    if "tokenFile" in user:  # Which the client reads once.
        return Connection(configured, impersonation(user), load)
    return Connection(configured, impersonation(user))


def _client(configuration: client.Configuration) -> client.ApiClient:
    configured = client.ApiClient(configuration)
    configured.user_agent = f"cnat/{__version__}"
    return configured


def _why_no_credentials(files: str, user: str, plugin: Manifest) -> str:
    """What to tell of an exec plugin that failed, of which the client has logged why."""
    command = str(plugin.get("command"))
    hint = " ".join(str(plugin.get("installHint") or "").split())
    is_relative = "/" in command and not command.startswith("/")  # To whichever file has it.
    if not is_relative and shutil.which(command) is None:
        how = f": {hint}" if hint else ""
        return (
            f"there is no program {command!r}, by which the user {user!r} of the kubeconfig "
            f"{files} logs in; install it{how}, or choose another --context"
        )
    return (
        f"the program {command!r}, by which the user {user!r} of the kubeconfig {files} logs in, "
        "gives no credentials; run it by hand to see why"
    )


def _why_not(files: str, context: str | None, error: Exception) -> str:
    existing = [path for path in files.split(os.pathsep) if os.access(path, os.F_OK)]
    if existing:
        with suppress(Exception):
            known = [entry["name"] for entry in config.list_kube_config_contexts(files)[0]]
            if context and context not in known:
                return f"there is no context {context!r} in {files}, only {', '.join(known)}"
        return f"the kubeconfig {files} can't be used: {error}"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"the in-cluster configuration can't be used: {error}"
    return (
        f"no cluster is configured: {files} does not exist and this is no Pod; give --kubeconfig "
        "FILE, set KUBECONFIG, or plan without a cluster by -f FILE"
    )
