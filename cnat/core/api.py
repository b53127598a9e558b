"""The names of the At API: what is written in manifests, labels and statuses."""

GROUP = "cnat.programming-kubernetes.info"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "At"

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "cnat"
AT_UID = f"{GROUP}/at-uid"
AT_NAME = f"{GROUP}/at"
SCHEDULED_TIME = f"{GROUP}/scheduled-time"
ATTEMPT = f"{GROUP}/attempt"
FINALIZER = f"{GROUP}/outcome"
RECORDED = f"{GROUP}/recorded"
POD_SELECTOR = f"{MANAGED_BY}={MANAGER}"
# A Pod whose outcome is on record and that nothing is to be done about costs nothing a pass.
UNRECORDED_POD_SELECTOR = f"{POD_SELECTOR},!{RECORDED}"

FINISHED_PHASES = frozenset({"Succeeded", "Failed", "Missed"})
PHASES = FINISHED_PHASES | {"Pending", "Suspended", "Running"}

POD_LOST = "PodLost"
RETRYING = "Retrying"

OWN_FIELDS = frozenset(
    {
        "schedule",
        "timeZone",
        "command",
        "podMetadata",
        "suspend",
        "startingDeadlineSeconds",
        "retryPolicy",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    }
)
