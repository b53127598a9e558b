"""Where a field stands in the text of a document.

Looked for only when there is something to say about it: marks for each of a dump's million values
would take more time and memory than the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import yaml

from cnat.manifests import decode

_ITEM = re.compile(r"items\[(\d+)\]\.?")
# Half of a character as JSON may spell it and YAML can't; another of that length moves nothing.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PART = re.compile(r"\[([^\]]*)\]|([^.\[]+)")


@dataclass(frozen=True, slots=True)
class _Node:
    """A key of a map, or an element of a list.

    Attributes:
        depth: the number of maps and lists around it, -1 for the document itself.
        part: the key, or the number of the element.
        index, line, column: where it begins in the text, from 0.
    """

    depth: int
    part: str
    index: int
    line: int
    column: int


def position(text: str, field: str) -> tuple[int, int]:
    """Line and column, from 0, of a field in a document.

    For one that isn't there, that of the nearest that it would be a part of; what came by an
    alias or a merge stands where the alias does.

    Args:
        text: one document, YAML or JSON, that could be decoded.
        field: its path, like `spec.containers[0].imgae` or `items[3].metadata.labels[a.b/c]`.
    """
    item = _ITEM.match(field)
    items = _items(text) if item else ()
    if item is None or int(item[1]) >= len(items):
        return _found(text, field)
    start, end = items[int(item[1])]
    line, column = _found(" " * start.column + text[start.index : end], field[item.end() :])
    return start.line + line, column


@lru_cache(maxsize=1)
def _items(text: str) -> tuple[tuple[_Node, int], ...]:
    """The items of a List, and where each ends: to find them all, the text is read once."""
    starts, inside = [], False
    for node in _nodes(text):
        if node.depth == 0:
            inside = node.part == "items"
        elif node.depth == 1 and inside:
            starts.append(node)
    ends = [each.index for each in starts[1:]]
    return tuple(zip(starts, [*ends, len(text)], strict=True)) if starts else ()


def _found(text: str, field: str) -> tuple[int, int]:
    parts = [bracketed or plain for bracketed, plain in _PART.findall(field)]
    line = column = matched = 0
    for node in _nodes(text):
        if 0 <= node.depth < matched:
            break  # What has matched so far ends here.
        if node.depth < 0 or (node.depth == matched and node.part == parts[matched]):
            line, column = node.line, node.column
            matched += node.depth >= 0
            if matched == len(parts):
                break
    return line, column


def _nodes(text: str) -> Iterator[_Node]:
    """The nodes in their order; they end where the text isn't what a YAML parser takes."""
    # Of each open map or list: whether it is a map, and how many nodes of it came so far.
    open_: list[tuple[bool, int]] = []
    try:
        for event in yaml.parse(_SURROGATE.sub(r"\\u0020", text), Loader=decode.PARSER):
            if isinstance(event, yaml.CollectionEndEvent):
                open_.pop()
            elif isinstance(event, yaml.NodeEvent):
                is_map, count = open_[-1] if open_ else (False, 0)
                mark = event.start_mark
                if mark and (not is_map or count % 2 == 0):
                    part = str(getattr(event, "value", "") if is_map else count)
                    yield _Node(len(open_) - 1, part, mark.index, mark.line, mark.column)
                if open_:
                    open_[-1] = is_map, count + 1
                if isinstance(event, yaml.CollectionStartEvent):
                    open_.append((isinstance(event, yaml.MappingStartEvent), 0))
    except yaml.YAMLError:
        return  # The rest of a List behind an item.
