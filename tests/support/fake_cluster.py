"""A cluster in memory that notes each request: what planner and applier are tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

from cnat.cluster.dry_run import DryRun
from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest, moment
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from cnat.core.shard import EVERY_AT, Shard
from tests.support.factories import INSTANT, MadePod, made

CRD = Path(__file__).parents[2] / "kustomize/crd/ats.cnat.programming-kubernetes.info.yaml"

Call = tuple[str, str]
# More than any test needs.
BOUND = 1000


@cache
def status_schema() -> Draft202012Validator:
    """What an API server checks a status against; a field that it would drop is an error too."""
    crd = yaml.safe_load(CRD.read_text())
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    formats = FormatChecker(formats=())
    formats.checks("date-time")(lambda value: moment(value) is not None)
    return Draft202012Validator(_closed(schema), format_checker=formats)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | ({"additionalProperties": False} if "properties" in schema else {})


def _kind(each: At | Pod) -> type[At | Pod]:
    return At if isinstance(each, At) else Pod


class Objects:
    """The Ats and Pods that there are, one page each; a `cnat.cluster.protocol.Source`.

    `unlisted` are Pods that a list leaves out, as it does with those created after it.
    """

    def __init__(
        self,
        objects: Iterable[At | MadePod],
        *,
        now: datetime = INSTANT,
        unlisted: Iterable[MadePod] = (),
    ) -> None:
        self.time = now
        self.unlisted = {pod.name for pod in unlisted}
        self.all: dict[tuple[type[At | Pod], str, str], Manifest] = {}
        for each in [*objects, *unlisted]:
            self.put(each)

    def put(self, each: At | MadePod) -> None:
        self.all[_kind(each), each.namespace, each.name] = each.raw

    def remove(self, each: At | Pod) -> None:
        del self.all[_kind(each), each.namespace, each.name]

    def now(self) -> datetime:
        return self.time

    def pods(self) -> Iterator[list[Manifest]]:
        yield [
            raw
            for (kind, _, name), raw in self.all.items()
            if kind is Pod
            and name not in self.unlisted
            and (labels := raw["metadata"].get("labels") or {}).get(api.MANAGED_BY) == api.MANAGER
            and api.RECORDED not in labels
        ]

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:  # noqa: ARG002
        yield [raw for (kind, _, _), raw in self.all.items() if kind is At]

    def at(self, namespace: str, name: str) -> Manifest:
        return self._get(At, namespace, name)

    def pod(self, namespace: str, name: str) -> Manifest:
        return self._get(Pod, namespace, name)

    def _get(self, kind: type[At | Pod], namespace: str, name: str) -> Manifest:
        try:
            return self.all[kind, namespace, name]
        except KeyError:
            raise Rejected(404, "NotFound", f"{kind.__name__} {name!r} not found") from None


class FakeCluster(DryRun):
    """Answers as a dry run does, keeps what was written, and notes what was asked.

    A status that the CRD's schema wouldn't have raises jsonschema.ValidationError.

    Attributes:
        calls: verb and name of each request but the lists, in their order.
        fail: what a request is answered with instead; asked before it takes effect.
    """

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self.objects = objects
        self.calls: list[Call] = []
        self.fail: Callable[[str, str], ClusterError | None] = lambda _verb, _name: None

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call[0] not in ("get at", "get pod", "preflight")]

    def at(self, namespace: str, name: str) -> Manifest:
        self._note("get at", name)
        return super().at(namespace, name)

    def pod(self, namespace: str, name: str) -> Manifest:
        self._note("get pod", name)
        return super().pod(namespace, name)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        name = manifest["metadata"]["name"]
        self._note("preflight" if dry_run else "create pod", name)
        if (Pod, manifest["metadata"]["namespace"], name) in self.objects.all:
            raise Rejected(409, "AlreadyExists", f'pods "{name}" already exists')
        created: dict[str, Any] = dict(super().create_pod(manifest))
        created["metadata"] = {**created["metadata"], "uid": f"uid-of-{name}"}
        if not dry_run:
            self.objects.put(made(created))
        return created

    def update_status(self, at: At, status: Manifest) -> Manifest:
        self._note("set status", at.name)
        now = At(self.objects.at(at.namespace, at.name))
        if (now.uid, now.resource_version) != (at.uid, at.resource_version):
            raise Rejected(409, "Conflict", "the object has been modified")
        status_schema().validate(status)
        version = str(int(at.resource_version) + 1)
        metadata = {**at.raw["metadata"], "resourceVersion": version}
        written = {**super().update_status(at, status), "metadata": metadata}
        self.objects.put(At(written))
        return written

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        self._note("release pod", pod.name)
        found = self._same(pod, unchanged=unchanged)
        metadata = dict(found.raw["metadata"])
        finalizers = metadata.get("finalizers", [])
        metadata["finalizers"] = [each for each in finalizers if each != api.FINALIZER]
        metadata["labels"] = {**metadata["labels"], api.RECORDED: "true"}
        if listed:
            del metadata["labels"][api.RECORDED]
        self._keep({**found.raw, "metadata": metadata})

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        self._note("delete pod", pod.name)
        self.delete(self._same(pod, unchanged=unchanged))

    def create_event(self, event: Manifest) -> None:
        self._note("create event", event["metadata"]["name"])

    def delete(self, pod: MadePod) -> None:
        """Delete a Pod, whoever does it."""
        now = rfc3339(self.now().replace(microsecond=0))
        metadata: Mapping[str, Any] = {"deletionTimestamp": now, **pod.raw["metadata"]}
        self._keep({**pod.raw, "metadata": metadata})

    def _keep(self, manifest: Manifest) -> None:
        """Store a Pod, unless it is being deleted and no finalizer keeps it any longer."""
        metadata = manifest["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self.objects.remove(made(manifest))
        else:
            self.objects.put(made(manifest))

    def _same(self, pod: Pod, *, unchanged: bool) -> MadePod:
        found = made(self.objects.pod(pod.namespace, pod.name))
        if found.uid != pod.uid:
            raise Rejected(409, "Conflict", f"the uid is {found.uid}, not {pod.uid}")
        if unchanged and found.resource_version != pod.resource_version:
            raise Rejected(409, "Conflict", "the object has been modified")
        return found

    def _note(self, verb: str, name: str) -> None:
        self.calls.append((verb, name))
        if len(self.calls) > BOUND:
            raise AssertionError(f"there is no end to it: {self.calls[-5:]}")
        error = self.fail(verb, name)
        if error is not None:
            raise error
