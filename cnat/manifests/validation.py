"""Manifests checked offline: what the API server would refuse at `kubectl apply`, and why.

The rules are those of `at_v1alpha1.json` (made, with the CRD, by schemas/generate.py). This module
adds the two that JSON Schema cannot express, and turns errors into sentences for a person.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from cnat.core import schedule

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_INTEGERS = {"int32": 2**31, "int64": 2**63}
_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "empty",
    "number": "a number",
    "object": "a map",
    "string": "a string",
}


@dataclass(frozen=True)
class Violation:
    """One reason to refuse a manifest.

    `field` is its path, like `spec.containers[0].imgae` ("" is the document itself); `reason` says
    what is wrong with it, and the way out.
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


def check_at(manifest: Mapping[str, Any]) -> list[Violation]:
    """What the API server would refuse about this At, the likeliest cause first; [] when valid.

    As with `fieldValidation=Strict`, which kubectl asks for, an unknown field is refused. Takes
    whatever a YAML file can hold without raising. A schedule that a clock change skips or repeats
    is no matter of the schema: that is found when the At is planned.
    """
    return _violations(_at_validator(), manifest)


def check_pod(pod: Mapping[str, Any]) -> list[Violation]:
    """What the API server's strict decoding would refuse about this v1 Pod; [] when valid.

    Unknown fields, wrong types and missing fields of `metadata` and `spec`; of the Pod's further
    validation (names, known volumes, ...) nothing.
    """
    return _violations(_pod_validator(), pod)


def _violations(validator: Validator, manifest: Any) -> list[Violation]:
    try:
        errors = list(validator.iter_errors(manifest))
        # What isn't of the right shape has no day to exist and no zone to be known.
        misshapen = {_path(error) for error in errors if error.validator != "format"}
        found = dict.fromkeys(
            each
            for error in errors
            if error.validator != "format" or _path(error) not in misshapen
            for each in _explain(error)
        )
    except (RecursionError, ValueError):  # Python cannot write out such a value in a message
        return [Violation("", "has a value nested too deeply, or a number too long, to be read")]
    # A misspelt field is often also a missing one; the misspelling is what to look at.
    return sorted(found, key=lambda violation: not violation.reason.startswith("unknown field"))


# --- errors -> sentences


def _path(error: ValidationError) -> tuple[Any, ...]:
    return tuple(error.absolute_path)


def _explain(error: ValidationError) -> Iterator[Violation]:
    path: list[Any] = [*error.absolute_path]
    instance: Any = error.instance
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    if "propertyNames" in error.absolute_schema_path:  # the error is about a key of the map
        path.append(instance)
    if error.validator == "additionalProperties":
        yield from _unknown(path, instance, schema["properties"])
    elif error.validator == "required":
        for name in schema["required"]:
            if name not in instance:
                yield Violation(_field([*path, name]), "is required")
    elif "errorMessage" in schema and error.validator != "type":
        about = [schema["x-field"]] if "x-field" in schema else []
        yield Violation(_field([*path, *about]), schema["errorMessage"])
    else:
        yield Violation(_field(path), _reason(error))


def _unknown(
    path: list[Any], instance: Mapping[Any, Any], known: Mapping[str, Any]
) -> Iterator[Violation]:
    for name in instance:
        if name not in known:
            reason = f'unknown field "{name}"'
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.7)
            if close:
                reason += f'; did you mean "{close[0]}"?'
            yield Violation(_field([*path, name]), reason)


def _reason(error: ValidationError) -> str:
    expected: Any = error.validator_value
    match error.validator:
        case "type":
            return _wrong_type(expected, error.instance)
        case "enum":
            return "must be " + " or ".join(json.dumps(each) for each in expected)
        case "format":
            return f"must fit into {expected}"
        case "pattern":
            return f"must match {expected}"
        case "minimum":
            return f"must be {expected} or more"
        case "maximum":
            return f"must be {expected} or less"
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"must not be longer than {expected} characters"
        case "minItems":
            return "must not be an empty list"
        case "maxProperties":
            return f"must not have more than {expected} entries"
    return f"is refused by the rule {error.validator!r}"


def _wrong_type(expected: str | list[str], value: object) -> str:
    types = (
        [expected] if isinstance(expected, str) else [each for each in expected if each != "null"]
    )
    reason = f"must be {' or '.join(_NAMES[each] for each in types)}, not {_kind(value)}"
    if "string" in types and not isinstance(value, (Mapping, list, type(None))):
        return f"{reason}: put it in quotes"
    return reason


def _kind(value: object) -> str:
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return f"the number {str(value)[:40]}"
    if isinstance(value, str):
        return f"the text {json.dumps(value[:40])}"
    if isinstance(value, date):
        return "a date"
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, list) else f"a {type(value).__name__}"


def _field(path: Iterable[Any]) -> str:
    """As the API server writes paths: `spec.containers[0].env`, `labels[example.com/team]`."""
    text = ""
    for part in path:
        if isinstance(part, int) or not re.fullmatch(r"[\w-]+", str(part)):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


# --- the schema


@functools.cache
def _schema() -> dict[str, Any]:
    text = resources.files("cnat.manifests").joinpath("at_v1alpha1.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


@functools.cache
def _at_validator() -> Validator:
    return _validator(_schema())


@functools.cache
def _pod_validator() -> Validator:
    return _validator(
        {
            "definitions": _schema()["definitions"],
            "type": "object",
            "required": ["spec"],
            "properties": {
                "metadata": {"$ref": "#/definitions/ObjectMeta"},
                "spec": {"$ref": "#/definitions/PodSpec"},
            },
        }
    )


def _validator(schema: Mapping[str, Any]) -> Validator:
    # Slow to import, and a pass on a cluster checks nothing offline.
    from jsonschema import Draft7Validator, FormatChecker, validators

    formats = FormatChecker(formats=())
    formats.checks("cnat-instant")(_is_in_calendar)
    formats.checks("cnat-time-zone")(_is_known_zone)
    for name, limit in _INTEGERS.items():
        formats.checks(name)(functools.partial(_fits, limit=limit))
    strict: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft7Validator, {"pattern": _pattern}
    )
    validator: Validator = strict(schema, format_checker=formats)
    return validator


def _pattern(
    validator: Validator, pattern: str, instance: Any, _schema: object
) -> Iterator[ValidationError]:
    """`$` is the end of the text, as in Go; in Python's `re` a last newline may follow it."""
    from jsonschema import ValidationError

    if validator.is_type(instance, "string"):
        exact = re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
        if not re.search(exact, instance, re.ASCII):
            yield ValidationError(f"does not match {pattern}")


def _is_in_calendar(value: object) -> bool:
    """Whether a schedule's day and time exist, wherever that may be."""
    try:
        schedule.instant(f"{str(value)[:19]}Z")
    except schedule.ScheduleError:
        return False
    return True


def _is_known_zone(value: object) -> bool:
    try:
        schedule.zone(str(value))
    except schedule.ScheduleError:
        return False
    return True


def _fits(value: object, limit: int) -> bool:
    return not isinstance(value, (int, float)) or -limit <= value < limit
