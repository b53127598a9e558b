"""Written YAML; that it is read back as it was, tests/unit/test_decode.py says."""

from __future__ import annotations

import textwrap

from cnat.manifests.encode import encode


def test_written_yaml_is_for_people() -> None:
    manifest = {"kind": "At", "spec": {"schedule": "2027-03-01T02:00:00Z", "command": "a\nb\n"}}
    assert encode(manifest) == textwrap.dedent(
        """\
        kind: At
        spec:
          schedule: '2027-03-01T02:00:00Z'
          command: |
            a
            b
        """
    )


def test_written_yaml_has_no_anchors() -> None:
    shared = ["x"]
    assert encode({"a": shared, "b": shared}) == "a:\n- x\nb:\n- x\n"
