"""Files of manifests: what is read from them, and what a bad document does to the others."""

from __future__ import annotations

import io
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.manifests import files
from cnat.manifests.files import Document
from cnat.manifests.problem import Problem


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


def names(entries: list[Document | Problem]) -> list[str]:
    """The name of each object, and "!" for what is no use."""
    return [
        "!" if isinstance(entry, Problem) else entry.manifest["metadata"]["name"]
        for entry in entries
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.yaml"


def read(file: Path, text: str) -> list[Document | Problem]:
    file.write_text(text)
    return list(files.read(str(file)))


def test_a_file_has_many_documents(file: Path) -> None:
    entries = read(file, f"{config_map('a')}---\n{config_map('b')}--- # c\n{config_map('c')}")
    assert names(entries) == ["a", "b", "c"]


def test_empty_documents_do_not_count(file: Path) -> None:
    (entry,) = read(file, f"# Licence\n---\n\n---\nnull\n---\n{config_map('a')}---\n")
    assert isinstance(entry, Document)
    assert entry.index == 1


def test_directives_and_document_ends_are_understood(file: Path) -> None:
    entries = read(file, f"%YAML 1.2\n---\n{config_map('a')}...\n%YAML 1.2\n---\n{config_map('b')}")
    assert names(entries) == ["a", "b"]


def test_a_syntax_error_keeps_no_other_document_from_being_read(file: Path) -> None:
    entries = read(file, f"{config_map('a')}---\nkind: [\n---\n{config_map('b')}")
    assert names(entries) == ["a", "!", "b"]
    assert str(entries[1]) == f"{file}:7:1: did not find expected node content"


def test_a_marker_ends_even_a_block_of_text(file: Path) -> None:
    entries = read(file, f"{config_map('a')}data:\n  text: |\n    x\n---\n{config_map('b')}")
    assert names(entries) == ["a", "b"]


def test_three_dashes_inside_a_line_are_no_marker(file: Path) -> None:
    (entry,) = read(file, f"{config_map('a')}data:\n  text: |\n    ---\n    x --- y\n")
    assert isinstance(entry, Document)
    assert entry.manifest["data"] == {"text": "---\nx --- y\n"}


def test_json_is_read_too(tmp_path: Path) -> None:
    document = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'
    assert names(read(tmp_path / "a.json", document)) == ["a"]


@pytest.mark.parametrize("kind", ["List", "ConfigMapList"])
def test_a_list_is_unwrapped(file: Path, kind: str) -> None:
    items = textwrap.indent(config_map("a"), "  ").replace("  api", "- api", 1)
    (entry,) = read(file, f"apiVersion: v1\nkind: {kind}\nitems:\n{items}")
    assert isinstance(entry, Document)
    assert str(entry) == f"{file}, document 1, items[0]"


def test_an_item_of_a_typed_list_needs_no_kind(file: Path) -> None:
    (entry,) = read(file, "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n")
    assert isinstance(entry, Document)
    assert (entry.manifest["apiVersion"], entry.manifest["kind"]) == ("v1", "Pod")


def test_one_bad_item_of_a_list_leaves_the_others(file: Path) -> None:
    items = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'
    entries = read(file, f"kind: List\nitems: [5, {items}]")
    assert names(entries) == ["!", "a"]
    assert isinstance(entries[0], Problem)
    assert entries[0].field == "items[0]"


@pytest.mark.parametrize("text", ["- a", "5", "some text"])
def test_a_document_that_is_no_map_is_refused(file: Path, text: str) -> None:
    (entry,) = read(file, text)
    assert entry == Problem(str(file), "must be a map with apiVersion and kind")


@pytest.mark.parametrize("field", ["apiVersion", "kind"])
def test_a_document_says_what_it_is(file: Path, field: str) -> None:
    (entry,) = read(file, config_map("a").replace(field, "other"))
    assert isinstance(entry, Problem)
    assert (entry.field, entry.reason) == (field, "must be a text that is not empty")


def test_a_folder_stands_for_its_manifests_but_not_for_those_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.yml", "a.yaml", "c.json", "notes.txt", "below/d.yaml"):
        (tmp_path / name).write_text(config_map(name[0]))
    assert names(list(files.read(str(tmp_path)))) == ["a", "b", "c"]


def test_a_folder_without_manifests_is_a_mistake(tmp_path: Path) -> None:
    (entry,) = files.read(str(tmp_path))
    assert str(entry) == f"{tmp_path}: has no .yaml, .yml or .json file"


def test_a_minus_stands_for_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(config_map("a").encode())))
    (entry,) = files.read("-")
    assert entry.source == "<stdin>"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (entry,) = files.read(str(tmp_path / "absent.yaml"))
    assert str(entry) == f"{tmp_path / 'absent.yaml'}: can't be read: No such file or directory"


def test_a_file_that_is_no_text_says_in_which_line(file: Path) -> None:
    file.write_bytes(b"a: b\nc: \xff")
    assert [str(each) for each in files.read(str(file))] == [f"{file}: line 2: is not UTF-8 text"]


def test_a_file_too_large_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    (entry,) = read(file, " " * (2**20 + 1))
    assert str(entry) == f"{file}: is larger than 1 MiB; split it"


def test_a_byte_order_mark_is_no_content(file: Path) -> None:
    assert names(read(file, "\ufeff" + config_map("a"))) == ["a"]


@given(st.binary() | st.text("{}[]-:.% \n&*!ak\"'").map(str.encode))
def test_reading_never_fails(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    for entry in files.read(str(file)):
        assert isinstance(entry, Document) or entry.reason


def test_written_yaml_is_for_people() -> None:
    manifest = {"kind": "At", "spec": {"schedule": "2027-03-01T02:00:00Z", "command": "a\nb\n"}}
    assert files.write(manifest) == textwrap.dedent(
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
    assert files.write({"a": shared, "b": shared}) == "a:\n- x\nb:\n- x\n"
