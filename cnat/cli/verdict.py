"""Exit codes, and what a user is told when there is nothing else to tell."""

from __future__ import annotations

from cnat.cluster.protocol import ClusterError, OutOfTime, Rejected, Unreachable

# Codes 64 and up have the meaning that sysexits.h gives them.
EXIT_CONVERGED = 0
EXIT_FAILED = 1
EXIT_CHANGES = 2
EXIT_USAGE = 64
EXIT_UNREACHABLE = 69
EXIT_NOT_PERMITTED = 77


def on(error: Exception) -> tuple[int, str]:
    """Exit code and text for a pass that couldn't even read its lists.

    The text says what has happened, to what, and what to do next.
    """
    if isinstance(error, Rejected):
        return _on_answer(error)
    if isinstance(error, Unreachable):
        # What says how to name a cluster has said enough.
        known = "--kubeconfig" in str(error)
        advice = "" if known else "; is that the cluster that you mean (--context)?"
        return EXIT_UNREACHABLE, f"{error}{advice}"
    if isinstance(error, OutOfTime):
        return EXIT_UNREACHABLE, (
            f"{error}; nothing was changed, the next pass goes on (--timeout gives one longer)"
        )
    if isinstance(error, ClusterError):
        return EXIT_FAILED, str(error)
    text = f"{type(error).__name__}: {error}"
    return EXIT_FAILED, f"{text} (this is a bug; please report it with what -v shows)"


def _on_answer(error: Rejected) -> tuple[int, str]:
    if error.code == 401:
        return EXIT_NOT_PERMITTED, (
            f"the API server does not accept the credentials ({error}); "
            "log in again, or give another --kubeconfig or --context"
        )
    if error.code == 403:
        return EXIT_NOT_PERMITTED, f"{error}; see kustomize/rbac for the permissions needed"
    if error.code == 404:
        return EXIT_FAILED, (
            "the cluster does not know Ats; install the CRD: kubectl apply -k kustomize/crd "
            "(or, if cnat was removed for good and Pods of its Ats are still held, run this "
            "once with the right to get customresourcedefinitions)"
        )
    if error.transient:
        return EXIT_UNREACHABLE, f"the API server can't answer: {error}; try again later"
    text = f"the API server refuses to list Ats and Pods: {error}; its log says more"
    return EXIT_FAILED, text
