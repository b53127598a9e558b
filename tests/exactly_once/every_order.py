"""Every order in which passes, kubelets, a user and time can meet, a request at a time.

A pass is the real one. It is run on the answers that it has had so far, up to the request that it
would send next; so where it stands is a list of answers, which can be compared, kept and gone back
to. The API server is a few objects in memory, with its real rules: names are unique, writes carry
preconditions, what has a finalizer stays. A pass that is never continued was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple
from unittest.mock import patch

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import NoIndex, Rejected
from cnat.cluster.transport import CREATE_SECONDS
from cnat.core import api
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard
from cnat.engine import workers
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from tests.exactly_once.overlooked import overlooked
from tests.support.sandbox import at

World = dict[str, Any]
Manifest = dict[str, Any]

START = datetime(2023, 5, 21, 2, tzinfo=UTC)
INSTANTS = (rfc3339(START), rfc3339(START - timedelta(hours=1)))
# Longer than what was listed is believed, and than a back-off; twice that, than a name is held.
TICK_SECONDS = 35
BACKOFF = timedelta(seconds=10)  # the first, as a Job's
_ENOUGH_PASSES = 12
_ENOUGH_REQUESTS = 40  # of one pass, about one At


@dataclass(frozen=True)
class Bounds:
    """How much of each may happen."""

    passes: int = 2
    at_once: int = 2
    ticks: int = 0
    edits: int = 0
    pods_deleted: int = 0
    ats_replaced: int = 0


class Answer(NamedTuple):
    seconds: float
    text: str  # JSON; of an error, its code, reason and message


@dataclass(frozen=True)
class Standing:
    """A pass that waits for the answer to a request."""

    answers: tuple[Answer, ...]
    request: str
    arguments: tuple[Any, ...] = field(compare=False, hash=False)

    @property
    def decided(self) -> float:
        return self.answers[-1].seconds


class Asks(BaseException):
    """The pass has come to a request that nobody has answered yet."""

    def __init__(self, request: str, *arguments: Any) -> None:
        super().__init__(request)
        self.request = request
        self.arguments = arguments


class Endless(Exception):
    """The pass goes on and on."""


class Replay:
    """A `cnat.cluster.protocol.Cluster` that gives the answers that there are, and then asks.

    Its index is there only for a second look: the first list is of all Ats.
    """

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self._answers = iter(answers[1:])  # The first one tells when the pass began.
        self.seconds = answers[0].seconds
        self._has_listed = False

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def pods(self) -> Iterator[list[Mapping[str, Any]]]:
        yield self._ask("pods")

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Mapping[str, Any]]]:  # noqa: ARG002
        yield self._ask("ats")
        self._has_listed = True

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:  # noqa: ARG002
        if not self._has_listed:
            raise NoIndex
        yield [Row.of(each) for each in self._ask("ats")]

    def pod_names(self) -> Iterator[list[str]]:
        yield [each["metadata"]["name"] for each in self._ask("pods")]

    def at(self, namespace: str, name: str) -> Manifest:  # noqa: ARG002
        return self._object("at")

    def pod(self, namespace: str, name: str) -> Manifest:  # noqa: ARG002
        return self._object("pod", name)

    def create_pod(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        return self._object("check" if dry_run else "create", manifest)

    def update_status(self, at: At, status: Mapping[str, Any]) -> Manifest:
        return self._object("update", at.uid, at.resource_version, status)

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        self._ask("release", pod.name, pod.uid, listed, pod.resource_version if unchanged else None)

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        self._ask("delete", pod.name, pod.uid, pod.resource_version if unchanged else None)

    def create_event(self, event: Mapping[str, Any]) -> None:
        """Nothing hangs on them."""

    def _object(self, request: str, *arguments: Any) -> Manifest:
        found: Manifest = self._ask(request, *arguments)
        return found

    def _ask(self, request: str, *arguments: Any) -> Any:
        answer = next(self._answers, None)
        if answer is None:
            raise Asks(request, *arguments)
        self.seconds = answer.seconds
        content = json.loads(answer.text)
        if isinstance(content, dict) and "error" in content:
            raise Rejected(*content["error"])
        return content


class Unthreaded:
    """In place of a ThreadPoolExecutor: a task is done when it is submitted."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> Unthreaded:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[[], None]) -> Future[None]:
        work()
        done: Future[None] = Future()
        done.set_result(None)
        return done


@contextmanager
def replaying(*, second_looks: bool) -> Iterator[None]:
    """Passes without threads, by the clock of their answers.

    Args:
        second_looks: what was read long ago is looked at as if many waited to be started.
    """
    clock = boot_clock.now
    stand.cache_clear()  # A test may have broken a line since.
    with (
        patch.object(workers, "ThreadPoolExecutor", Unthreaded),
        patch.object(workers, "pays", lambda *_: second_looks),
    ):
        try:
            yield
        finally:
            boot_clock.now = clock


@lru_cache(maxsize=100_000)
def stand(answers: tuple[Answer, ...]) -> Standing | None:
    """How far a pass gets with these answers; None where it ends.

    What goes on beside it makes no difference to it, so most is asked again and again.

    Raises:
        Endless: nowhere.
    """
    cluster = Replay(answers)
    boot_clock.now = lambda: cluster.seconds
    try:
        reconcile(cluster, Deadline(1e6), Settings(concurrency=1))
    except Asks as asks:
        if len(answers) > _ENOUGH_REQUESTS:
            raise Endless from None
        return Standing(answers, asks.request, asks.arguments)
    return None


# The API server


def new_world(bounds: Bounds, **spec: Any) -> World:
    return {
        "now": 0.0,
        "version": 1,
        "at": _at("1", 1, **spec),
        "pods": {},
        "made": {},
        "ended": {},
        "wrong": [],
        "left": {
            "passes": bounds.passes,
            "tick": bounds.ticks,
            "edit": bounds.edits,
            "delete a pod": bounds.pods_deleted,
            "replace the At": bounds.ats_replaced,
        },
    }


def _at(uid: str, version: int, **spec: Any) -> Manifest:
    manifest = at(**{"schedule": INSTANTS[0], "ttlSecondsAfterFinished": 0, **spec})
    manifest["metadata"] |= {"namespace": "default", "uid": uid, "generation": 1}
    manifest["metadata"]["resourceVersion"] = str(version)
    return manifest


def answered(world: World, request: str, arguments: tuple[Any, ...]) -> Answer:
    """Let a request take effect."""
    try:
        content = _REQUESTS[request](world, *arguments)
    except Rejected as error:
        content = {"error": [error.code, error.reason, str(error)]}
    return Answer(world["now"], json.dumps(content))


def _time(world: World) -> str:
    return rfc3339(START + timedelta(seconds=world["now"]))


def _touch(world: World, manifest: Manifest) -> Manifest:
    world["version"] += 1
    manifest["metadata"]["resourceVersion"] = str(world["version"])
    return manifest


def _pods(world: World) -> list[Manifest]:
    return [
        each for each in world["pods"].values() if api.RECORDED not in each["metadata"]["labels"]
    ]


def _ats(world: World) -> list[Manifest]:
    return [world["at"]]


def _get_at(world: World) -> Manifest:
    found: Manifest = world["at"]
    return found


def _get_pod(world: World, name: str) -> Manifest:
    if name not in world["pods"]:
        raise Rejected(404, "NotFound", f"pods {name!r} not found")
    found: Manifest = world["pods"][name]
    return found


def _check(world: World, manifest: Manifest) -> Manifest:  # noqa: ARG001
    return manifest


def _create(world: World, manifest: Manifest) -> Manifest:
    name = manifest["metadata"]["name"]
    if name in world["pods"]:
        raise Rejected(409, "AlreadyExists", f"pods {name!r} already exists")
    created: Manifest = json.loads(json.dumps(manifest))
    created["metadata"] |= {"uid": f"{name}-{world['version']}", "creationTimestamp": _time(world)}
    world["pods"][name] = _touch(world, created)
    (owner,) = created["metadata"]["ownerReferences"]
    instant = created["metadata"]["annotations"][api.SCHEDULED_TIME]
    _take_note(world, owner["uid"], instant, name)
    if datetime.fromisoformat(instant) > START + timedelta(seconds=world["now"]):
        world["wrong"].append(f"Pod {name} was made early")
    return created


def _take_note(world: World, uid: str, instant: str, name: str) -> None:
    """Of another Pod of a run, and of what is wrong with that."""
    spec = world["at"]["spec"]
    policy, limit = spec.get("retryPolicy", "Never"), spec.get("backoffLimit", 0)
    earlier = world["made"].setdefault(f"{uid}/{instant}", [])
    now = START + timedelta(seconds=world["now"])
    attempts = At(world["at"]).status.attempts
    recorded = {each.pod_name for each in attempts}
    if name in earlier:
        world["wrong"].append(f"Pod {name} was made twice")
    if len(earlier) > limit:
        world["wrong"].append(f"Pod {name} is one more than the limit of {limit}")
    if uid == world["at"]["metadata"]["uid"] and not recorded.issuperset(earlier):
        world["wrong"].append(f"Pod {name} was made before the end of the last was on record")
    if any(each.completion and now - each.completion < BACKOFF for each in attempts):
        world["wrong"].append(f"Pod {name} was made before its back-off was over")
    if policy == "NotStarted" and not world["ended"].keys().isdisjoint(earlier):
        world["wrong"].append(f"Pod {name} was made though an earlier one had started")
    earlier.append(name)


def _update(world: World, uid: str, version: str, status: Manifest) -> Manifest:
    found: Manifest = world["at"]
    if (found["metadata"]["uid"], found["metadata"]["resourceVersion"]) != (uid, version):
        raise Rejected(409, "Conflict", "the object has been modified")
    found["status"] = json.loads(json.dumps(status))
    return _touch(world, found)


def _same(world: World, name: str, uid: str, version: str | None) -> Manifest:
    found = _get_pod(world, name)
    if found["metadata"]["uid"] != uid:
        raise Rejected(409, "Conflict", "the UID in the precondition does not match")
    if version not in (None, found["metadata"]["resourceVersion"]):
        raise Rejected(409, "Conflict", "the object has been modified")
    return found


def _release(world: World, name: str, uid: str, listed: bool, version: str | None) -> None:
    found = _same(world, name, uid, version)
    found["metadata"]["finalizers"] = []
    if not listed:
        found["metadata"]["labels"][api.RECORDED] = "true"
    _touch(world, found)
    if "deletionTimestamp" in found["metadata"]:
        del world["pods"][name]


def _delete(world: World, name: str, uid: str, version: str | None) -> None:
    found = _same(world, name, uid, version)
    if not found["metadata"]["finalizers"]:
        del world["pods"][name]
    else:
        found["metadata"].setdefault("deletionTimestamp", _time(world))
        _touch(world, found)


_REQUESTS: dict[str, Callable[..., Any]] = {
    "pods": _pods,
    "ats": _ats,
    "at": _get_at,
    "pod": _get_pod,
    "check": _check,
    "create": _create,
    "update": _update,
    "release": _release,
    "delete": _delete,
}


# Everybody else


def _ends(world: World, name: str, code: int) -> None:
    """As its kubelet reports it."""
    pod = world["pods"][name]
    phase = "Failed" if code else "Succeeded"
    state = {"terminated": {"exitCode": code, "finishedAt": _time(world)}}
    pod["spec"]["nodeName"] = "node"
    pod["status"] = {"phase": phase, "containerStatuses": [{"name": "shell", "state": state}]}
    _touch(world, pod)
    world["ended"][name] = phase


def _running(world: World) -> list[str]:
    return [
        name
        for name, each in world["pods"].items()
        if "status" not in each and "deletionTimestamp" not in each["metadata"]
    ]


def others(world: World) -> Iterator[tuple[str, World]]:
    """What may happen without a pass: what it is, and the world then."""

    def after(what: str, change: Callable[[World], None]) -> tuple[str, World]:
        changed = json.loads(json.dumps(world))
        kind = what.partition(":")[0]
        if kind in changed["left"]:
            changed["left"][kind] -= 1
        change(changed)
        return what, changed

    left = world["left"]
    for name in _running(world):
        for code in (0, 3):
            yield after(f"{name} ends with {code}", partial(_ends, name=name, code=code))
    if left["tick"]:
        yield after("tick", lambda w: w.update(now=w["now"] + TICK_SECONDS))
    if left["edit"]:
        yield after("edit", _edit)
    if left["delete a pod"]:
        for name, pod in world["pods"].items():
            uid = pod["metadata"]["uid"]
            if pod["metadata"]["finalizers"] and "deletionTimestamp" not in pod["metadata"]:
                yield after(
                    f"delete a pod: {name}", partial(_delete, name=name, uid=uid, version=None)
                )
    if left["replace the At"]:
        yield after("replace the At", _replace)


def _edit(world: World) -> None:
    found = world["at"]
    first, second = INSTANTS
    found["spec"]["schedule"] = second if found["spec"]["schedule"] == first else first
    found["metadata"]["generation"] += 1
    _touch(world, found)


def _replace(world: World) -> None:
    """Delete it and put it back; the garbage collector deletes the Pods of the one that is gone."""
    spec, uid = world["at"]["spec"], world["at"]["metadata"]["uid"]
    world["at"] = _at(f"{uid}1", world["version"])
    world["at"]["spec"] = spec
    _touch(world, world["at"])
    for name, pod in list(world["pods"].items()):
        _delete(world, name, pod["metadata"]["uid"], None)


# What must hold


def wrong(world: World) -> list[str]:
    """What is not as promised here and now."""
    record = At(world["at"]).status
    told = {each.pod_name: "Failed" for each in record.attempts}
    told |= {run.pod_name: run.phase for run in record.ended_runs}
    uid = world["at"]["metadata"]["uid"]
    made = {
        name for run, names in world["made"].items() if run.startswith(f"{uid}/") for name in names
    }
    lost = [
        f"the outcome of {name} is lost"
        for name, phase in world["ended"].items()
        if name in made
        and not world["pods"].get(name, {}).get("metadata", {}).get("finalizers")
        and told.get(name) != phase
        # Of a run in the history, the earlier attempts are not kept.
        and not (record.history and phase == "Failed")
    ]
    now = START + timedelta(seconds=world["now"])
    pods = [Pod.of(each) for each in world["pods"].values()]
    return [*world["wrong"], *lost, *overlooked([world["at"]], pods, now)]


def wrong_in_the_end(world: World) -> list[str]:
    """What is not as promised once passes come one after the other, and all Pods end well."""
    world = json.loads(json.dumps(world))
    for _ in range(_ENOUGH_PASSES):
        wrote = _whole_pass(world)
        if found := wrong(world):
            return found
        held = any(pod["metadata"]["finalizers"] for pod in world["pods"].values())
        if not wrote and not held and At(world["at"]).status.phase in api.FINISHED_PHASES:
            return []
        for name in _running(world):
            _ends(world, name, 0)
        world["now"] += 2 * TICK_SECONDS
    return ["the passes don't come to an end"]


def _whole_pass(world: World) -> bool:
    """Let one pass have its way; answer whether it wrote anything."""
    wrote = False
    answers: tuple[Answer, ...] = (Answer(world["now"], ""),)
    while standing := stand(answers):
        answers = (*answers, answered(world, standing.request, standing.arguments))
        wrote |= standing.request in {"create", "update", "release", "delete"}
    return wrote


# All of it


@dataclass(frozen=True)
class Found:
    """What a search came to: how many states, and the story of the first that is wrong."""

    states: int
    worlds: int
    story: tuple[str, ...] = ()


def search(
    bounds: Bounds, most_states: int = 10**9, *, second_looks: bool = False, **spec: Any
) -> Found:
    """Visit each state once, up to the bounds. `second_looks`: as for `replaying`."""
    with replaying(second_looks=second_looks):
        return _search(bounds, most_states, spec)


def _search(bounds: Bounds, most_states: int, spec: Manifest) -> Found:
    first = new_world(bounds, **spec)
    stack: list[tuple[World, tuple[Standing, ...], tuple[str, ...]]] = [(first, (), ())]
    seen = {_key(first, ())}
    worlds: set[int] = set()
    while stack:
        world, passes, story = stack.pop()
        try:
            found = wrong(world)
            if not found and (key := _key(world, ())) not in worlds:
                worlds.add(key)
                found = wrong_in_the_end(world)
            following = list(_following(bounds, world, passes))
        except Endless:
            found = ["a pass doesn't come to an end"]
        if found or len(seen) >= most_states:
            return Found(len(seen), len(worlds), (*story, *found) if found else ())
        for what, after, standing in following:
            key = _key(after, standing)
            if key not in seen:
                seen.add(key)
                stack.append((after, standing, (*story, what)))
    return Found(len(seen), len(worlds))


def _following(
    bounds: Bounds, world: World, passes: tuple[Standing, ...]
) -> Iterator[tuple[str, World, tuple[Standing, ...]]]:
    for number, one in enumerate(passes):
        rest = passes[:number] + passes[number + 1 :]
        after = json.loads(json.dumps(world))
        answer = answered(after, one.request, one.arguments)
        standing = stand((*one.answers, answer))
        told = f"pass {one.answers[0].seconds:.0f}: {one.request} -> {answer.text[:60]}"
        yield told, after, (*rest, standing) if standing else rest
        if one.request == "create":  # Else time would wait for it for ever.
            yield "the pass that would create is killed", world, rest
    if world["left"]["passes"] and len(passes) < bounds.at_once:
        standing = stand((Answer(world["now"], ""),))
        if standing:
            after = json.loads(json.dumps(world))
            after["left"]["passes"] -= 1
            yield "a pass begins", after, (*passes, standing)
    for what, after in others(world):
        late = after["now"] - CREATE_SECONDS
        if all(one.request != "create" or one.decided >= late for one in passes):
            yield what, after, passes


def _key(world: World, passes: tuple[Standing, ...]) -> int:
    return hash((json.dumps(world, sort_keys=True), tuple(sorted(one.answers for one in passes))))
