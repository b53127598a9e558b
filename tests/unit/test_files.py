"""Files of manifests: what is read from them, and what a bad document does to the others."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.manifests import files
from cnat.manifests.documents import Document, is_manifest, violations
from cnat.manifests.problem import Counts, Problem


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
    assert str(entry.place) == f"{file}:7:1"


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
    assert (entry.path, str(entry.place)) == ("items[0].", f"{file}:4:3")


def test_an_item_of_a_typed_list_needs_no_kind(file: Path) -> None:
    (entry,) = read(file, "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n")
    assert isinstance(entry, Document)
    assert (entry.manifest["apiVersion"], entry.manifest["kind"]) == ("v1", "Pod")


def test_one_bad_item_of_a_list_leaves_the_others(file: Path) -> None:
    items = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'
    entries = read(file, f"kind: List\nitems: [5, {items}]")
    assert names(entries) == ["!", "a"]
    assert isinstance(entries[0], Problem)
    assert (entries[0].field, entries[0].line, entries[0].column) == ("items[0]", 2, 9)


@pytest.mark.parametrize("text", ["5", "some text"])
def test_a_document_that_is_no_map_is_refused(file: Path, text: str) -> None:
    (entry,) = read(file, text)
    reason = "is no manifest: must be a map with apiVersion and kind"
    assert entry == Problem(str(file), reason, line=1, column=1)


@pytest.mark.parametrize("text", ["services: {}", "- hosts: all", "on: [push]", "a: !vault b"])
def test_other_programs_yaml_is_none_of_our_business(file: Path, text: str) -> None:
    (entry,) = read(file, text)
    assert isinstance(entry, Document)
    assert not is_manifest(entry.manifest)


AT = """\
apiVersion: cnat.programming-kubernetes.info/v1alpha1
kind: At
metadata:
  name: a
spec:
  schedule: "2027-03-01T02:00:00Z"
  command: "true"
"""


@pytest.mark.parametrize(("key", "line"), [("apiVersion", 1), ("kind", 1)])
def test_what_must_be_meant_as_an_at_says_what_it_is(file: Path, key: str, line: int) -> None:
    (entry,) = read(file, AT.replace(f"{key}: ", f"x{key}: "))
    assert isinstance(entry, Problem)
    assert (entry.field, entry.line) == (key, line)
    assert entry.reason.startswith(f"is required: {key}: ")


def test_an_at_that_says_nothing_at_all_about_itself_is_heard(file: Path) -> None:
    entries = read(file, AT.partition("kind: At\n")[2])
    assert [entry.field for entry in entries if isinstance(entry, Problem)] == [
        "apiVersion",
        "kind",
    ]


def test_a_misspelt_kind_of_our_group_is_refused(file: Path) -> None:
    (entry,) = read(file, AT.replace("kind: At", "kind: Att"))
    assert isinstance(entry, Document)
    (problem,) = violations(entry)
    assert str(problem).startswith(f'{file}:2:1: Att a, kind: must be "At"; ')


def test_a_problem_names_line_and_column_of_the_very_field(file: Path) -> None:
    text = AT.replace("command", "comand")
    (entry,) = read(file, f"# one\n---\n{text}")
    assert isinstance(entry, Document)
    first = violations(entry)[0]
    assert str(first).startswith(f"{file}:9:3: At a, spec.comand: unknown field")


def test_a_tab_is_called_a_tab(file: Path) -> None:
    (entry,) = read(file, AT.replace("  command", "\tcommand"))
    assert str(entry) == f"{file}:7:1: a tab; indent with spaces"


def test_a_folder_stands_for_its_manifests_and_those_below(tmp_path: Path) -> None:
    for folder in ("below/deep", ".git"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("b.yml", "a.yaml", "c.json", "notes.txt", "below/deep/d.yaml", ".git/e.yaml"):
        (tmp_path / name).write_text(config_map(Path(name).stem))
    (tmp_path / ".f.yaml").write_text(config_map("f"))
    assert names(list(files.read(str(tmp_path)))) == ["a", "b", "c", "d"]


# What isn't a manifest yet


@pytest.mark.parametrize(
    "text",
    ["{{- if .Values.on }}\n" + AT + "{{- end }}\n", AT.replace("name: a", "name: {{ .Chart.N }}")],
)
def test_a_helm_template_is_counted_and_skipped(file: Path, text: str) -> None:
    file.write_text(text)
    counts = Counts()
    assert list(files.read_all([str(file)], counts)) == []
    assert counts == Counts(files=1, helm_templates=1)


@pytest.mark.parametrize("text", [AT, AT.replace('"2027', "'{{ .Values.at }}' # 2027")])
def test_all_below_a_charts_templates_is_a_template(tmp_path: Path, text: str) -> None:
    (tmp_path / "templates/jobs").mkdir(parents=True)
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: chart\n")
    file = tmp_path / "templates/jobs/at.yaml"
    file.write_text(text)
    counts = Counts()
    assert list(files.read(str(file), counts)) == []
    assert counts.helm_templates == 1


def test_braces_in_a_command_make_no_template(file: Path) -> None:
    (entry,) = read(file, AT.replace('"true"', "docker ps --format '{{.Names}}'"))
    assert isinstance(entry, Document)


@pytest.mark.parametrize(
    "command",
    ['"echo {{a,b}}', "docker ps --format '{{.Names}}'\n\tsuspend: true", "{{a,b}} {{.Names}}"],
)
def test_a_broken_at_with_braces_of_a_shell_is_no_template(file: Path, command: str) -> None:
    (entry,) = read(file, AT.replace('"true"', command))
    assert isinstance(entry, Problem)


@pytest.mark.parametrize(
    "patches",
    ["patches: [{path: patches/later.yaml}]", "patchesStrategicMerge: [patches/later.yaml]"],
)
def test_a_kustomize_patch_is_counted_and_skipped(tmp_path: Path, patches: str) -> None:
    (tmp_path / "patches").mkdir()
    (tmp_path / "kustomization.yaml").write_text(f"resources: [at.yaml]\n{patches}\n")
    (tmp_path / "at.yaml").write_text(AT)
    (tmp_path / "patches/later.yaml").write_text(AT.replace('  command: "true"\n', ""))
    counts = Counts()
    found = list(files.read(str(tmp_path), counts))
    assert (counts.kustomize_patches, len(found)) == (1, 2)


# What isn't there


@pytest.mark.parametrize("text", ["", "# nothing\n---\n"])
def test_that_nothing_was_read_is_a_problem(file: Path, text: str) -> None:
    file.write_text(text)
    (problem,) = files.read_all([str(file)], Counts())
    assert str(problem).startswith(f"{file}: there is nothing in it; ")


def test_one_file_with_nothing_in_it_is_none_beside_others(file: Path, tmp_path: Path) -> None:
    file.write_text("")
    (tmp_path / "other.yaml").write_text(AT)
    assert names(list(files.read_all([str(tmp_path)], Counts()))) == ["a"]


def test_a_folder_that_cannot_be_looked_into_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", refuse)
    (problem,) = files.read(str(tmp_path))
    assert str(problem) == f"{tmp_path}: can't be read: Permission denied"


def test_a_folder_without_manifests_is_a_mistake(tmp_path: Path) -> None:
    (entry,) = files.read(str(tmp_path))
    assert str(entry).startswith(f"{tmp_path}: has no .yaml, .yml or .json file")


def test_a_minus_stands_for_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(config_map("a").encode())))
    (entry,) = files.read("-")
    assert entry.source == "<stdin>"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (entry,) = files.read(str(tmp_path / "absent.yaml"))
    assert str(entry) == f"{tmp_path / 'absent.yaml'}: can't be read: No such file or directory"


def test_a_file_that_is_no_text_says_in_which_line(file: Path) -> None:
    file.write_bytes(b"a: b\nc: \xff")
    assert [str(each) for each in files.read(str(file))] == [
        f"{file}:2: is not UTF-8 text; save it as such"
    ]


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
