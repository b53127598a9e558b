"""Every message about manifests, to the letter: where, to which object, what, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cnat.manifests import files, gate
from cnat.manifests.problem import Counts
from cnat.manifests.snapshot import Snapshot

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)
AT = """\
apiVersion: cnat.programming-kubernetes.info/v1alpha1
kind: At
metadata:
  name: backup
  namespace: team
spec:
  schedule: "2027-03-02T02:00:00Z"
  containers:
  - name: shell
    image: busybox:1.37
"""
SCHEDULE = '"2027-03-02T02:00:00Z"'


def told(path: Path) -> list[str]:
    """What there is to say about a file, without its folder."""
    counts = Counts()
    documents = files.read_all([str(path)], counts)
    problems = Snapshot(documents, lambda: NOW, counts=counts, check=gate.check).problems
    return [str(problem).replace(f"{path.parent}/", "") for problem in problems]


def edited(old: str, new: str) -> str:
    assert old in AT
    return AT.replace(old, new)


MESSAGES = {
    # files
    "": "at.yaml: there is nothing in it; check what should have been written there",
    "some text": "at.yaml:1:1: is no manifest: must be a map with apiVersion and kind",
    # YAML
    edited("  containers", "\tcontainers"): "at.yaml:8:1: a tab; indent with spaces",
    edited("kind: At", "kind: [At"): "at.yaml:3:9: did not find expected ',' or ']'",
    edited("kind: At", "kind: At\nkind: At"): (
        'at.yaml:3:1: the key "kind" occurs twice; remove one of them'
    ),
    edited("name: backup", "name: *backup"): (
        "at.yaml:4:9: there is no anchor &backup before *backup"
    ),
    edited("name: backup", "name: !env BACKUP"): (
        "at.yaml:4:9: the tag !env has no meaning in a manifest"
    ),
    # what it is
    edited("kind: At\n", ""): "at.yaml:1:1: object team/backup, kind: is required: kind: At",
    edited("kind: At", "kind: Att"): (
        'at.yaml:2:1: Att team/backup, kind: must be "At"; there is no other kind in '
        "cnat.programming-kubernetes.info"
    ),
    edited("v1alpha1", "v1"): (
        "at.yaml:1:1: At team/backup, apiVersion: must be "
        '"cnat.programming-kubernetes.info/v1alpha1"'
    ),
    # what it says
    edited("image:", "imgae:"): (
        'at.yaml:10:5: At team/backup, spec.containers[0].imgae: unknown field "imgae"; did you '
        'mean "image"?'
    ),
    edited("    image: busybox:1.37\n", ""): (
        "at.yaml:9:5: At team/backup, spec.containers[0].image: is required"
    ),
    edited("name: shell", "name: 1"): (
        "at.yaml:9:5: At team/backup, spec.containers[0].name: must be a string, not the number 1: "
        "put it in quotes"
    ),
    edited("03-02", "02-30"): (
        "at.yaml:7:3: At team/backup, spec.schedule: this day does not exist: check the length of "
        "the month and the leap year"
    ),
    edited("    image", "    volumeMounts: [{name: data, mountPath: /data}]\n    image"): (
        "at.yaml:10:21: At team/backup, spec.containers[0].volumeMounts[0].name: names no volume "
        "of spec.volumes; there are none"
    ),
    edited(SCHEDULE, "2027-03-28T02:30:00\n  timeZone: Europe/Berlin"): (
        "at.yaml:7:3: At team/backup, spec.schedule: 2027-03-28T02:30:00 does not exist in "
        "Europe/Berlin: the clocks jump over it, from +01:00 to +02:00; choose another time or "
        "write the offset"
    ),
    # what is doubtful
    edited("03-02", "02-27"): (
        "at.yaml:7:3: warning: At team/backup, spec.schedule: is past: it starts as soon as it is "
        "applied, 2d late; give it a schedule to come, or startingDeadlineSeconds if so late is "
        "never"
    ),
    edited(SCHEDULE, '"2027-02-27T02:00:00Z"\n  startingDeadlineSeconds: 60'): (
        "at.yaml:7:3: warning: At team/backup, spec.schedule: can never run: its "
        "startingDeadlineSeconds, 60 s, were over 1d 23h ago; give it a schedule to come"
    ),
    edited(SCHEDULE, "2027-03-28T03:30:00\n  timeZone: Europe/Berlin"): (
        "at.yaml:7:3: warning: At team/backup, spec.schedule: is within an hour of a clock change "
        "in Europe/Berlin; other rules for that would move or refuse it. 2027-03-28T01:30:00Z, "
        "without timeZone, is certain"
    ),
    f"{AT}---\n{AT}": (
        "at.yaml:15:3: warning: At team/backup, metadata.name: is also at at.yaml:1:1, and that "
        "one is planned; a cluster can have only one. What a change would do to what is there: -f "
        "CHANGED --against cluster (or a dump)"
    ),
}


@pytest.mark.parametrize(("text", "line"), MESSAGES.items(), ids=range(len(MESSAGES)))
def test_what_is_told_of_a_manifest(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(text)
    assert told(tmp_path / "at.yaml") == [line]


def test_a_good_manifest_is_not_spoken_of(tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(AT)
    assert told(tmp_path / "at.yaml") == []


def test_what_is_told_of_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_bytes(AT.replace("backup", "bäckup").encode("latin-1"))
    assert told(tmp_path / "at.yaml") == ["at.yaml:4: is not UTF-8 text; save it as such"]


def test_what_is_told_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert told(tmp_path / "at.yaml") == ["at.yaml: can't be read: No such file or directory"]
