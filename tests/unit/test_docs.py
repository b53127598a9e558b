"""The documentation agrees with what it tells of, and with itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnat import __version__
from cnat.cli import verdict
from cnat.cli.flags import parser
from cnat.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(ROOT)) for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
)
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """A page without its blocks."""
    return _BLOCK.sub("", text(page))


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = re.split(rf"^#+ {re.escape(title)}$", prose(page), flags=re.MULTILINE)[1]
    lines = [line for line in _HEADING.split(section)[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def named(page: str, title: str, place: int = 0) -> list[str]:
    """What a column of that table has as code."""
    return [name for row in rows(page, title) for name in _CODE.findall(row[place])]


def version(path: str) -> Any:
    """The one version of a CRD."""
    (found,) = yaml.safe_load(text(path))["spec"]["versions"]
    return found


CRD = version("kustomize/crd/ats.cnat.programming-kubernetes.info.yaml")
OURS = version("schemas/at.yaml")["schema"]["openAPIV3Schema"]["properties"]


@pytest.mark.parametrize(("part", "title"), [("spec", "Fields"), ("status", "Status")])
def test_each_field_of_the_at_is_told_with_its_type_and_no_other(part: str, title: str) -> None:
    schema = CRD["schema"]["openAPIV3Schema"]["properties"][part]["properties"]
    expected = {f"`{name}`": schema[name]["type"] for name in OURS[part]["properties"]}
    assert {name: kind for name, kind, _ in rows("docs/at.md", title)} == expected


def test_each_retry_policy_and_each_phase_is_told() -> None:
    phases = OURS["status"]["properties"]["phase"]["enum"]
    assert sorted(set(named("docs/at.md", "Conditions", 1))) == sorted(phases)
    policies = OURS["spec"]["properties"]["retryPolicy"]["x-json-schema"]["enum"]
    assert named("docs/at.md", "Retries") == policies


def test_each_column_of_kubectl_is_told() -> None:
    told = [name for row in rows("docs/at.md", "Columns") for name in row[0].split(", ")]
    assert sorted(told) == sorted(each["name"] for each in CRD["additionalPrinterColumns"])


def test_each_flag_is_told_and_no_other() -> None:
    told = {
        code.split()[0].split("=")[0].split("[")[0] for code in named("docs/command.md", "Flags")
    }
    flags = {flag for action in parser()._actions for flag in action.option_strings}  # noqa: SLF001
    assert told - {"PATH"} == flags


def test_each_exit_code_is_told() -> None:
    codes = {value for name, value in vars(verdict).items() if name.startswith("EXIT_")}
    assert {int(code) for code, _ in rows("docs/command.md", "Exit codes")} == codes


def test_each_component_is_told() -> None:
    components = sorted(path.name for path in (ROOT / "kustomize/components").iterdir())
    assert sorted(named("docs/operations.md", "Components")[: len(components)]) == components


def test_each_alert_about_ats_is_told() -> None:
    rules = yaml.safe_load(text("kustomize/components/prometheus-rule/prometheus_rule.yaml"))
    alerts = {each["alert"] for each in rules["spec"]["groups"][0]["rules"] if "alert" in each}
    assert set(re.findall(r"Cnat\w+", prose("docs/operations.md"))) == alerts


@pytest.mark.parametrize("page", PAGES)
def test_what_is_to_be_fetched_is_this_version(page: str) -> None:
    fetched = re.findall(
        r"(?:ref=v|cnat@v|rev: v|branch v|download/v|/cnat:)([\d.]+\d)", text(page)
    )
    assert set(fetched) <= {__version__}


def test_the_readme_begins_with_the_first_sample() -> None:
    _, language, first = _BLOCK.findall(text(ENGLISH))[0]
    assert (language, first) == ("yaml", text("kustomize/samples/at_cnrex.yaml"))


@pytest.mark.parametrize("page", PAGES)
def test_the_gate_takes_each_at_that_is_shown(page: str, tmp_path: Path) -> None:
    ats = [block for _, _, block in _BLOCK.findall(text(page)) if "\nkind: At\n" in block]
    for number, at in enumerate(ats):
        (tmp_path / f"{number}.yaml").write_text(at)
    assert not ats or main([str(tmp_path)]) == verdict.EXIT_CONVERGED


def anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = (title.lower() for _, title in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_each_link_within_the_repository_leads_somewhere(page: str) -> None:
    for link in _LINK.findall(prose(page)):
        if ":" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(str(target.resolve().relative_to(ROOT))), link


# --- The README in Chinese


def test_the_readmes_name_each_other() -> None:
    assert f"]({CHINESE})" in text(ENGLISH)
    assert f"]({ENGLISH})" in text(CHINESE)


def test_both_readmes_have_the_same_sections() -> None:
    english, chinese = (_HEADING.findall(prose(page)) for page in (ENGLISH, CHINESE))
    assert [level for level, _ in english] == [level for level, _ in chinese]


def code(page: str) -> list[str]:
    """The blocks of a page, without what is for its readers: comments, and labels of a diagram."""
    words = {"mermaid": r': .*|".*"', "yaml": r" +# .*"}
    return [
        re.sub(words.get(language, "(?!)"), "", body)
        for _, language, body in _BLOCK.findall(text(page))
    ]


def test_both_readmes_have_the_same_blocks() -> None:
    assert code(ENGLISH) == code(CHINESE)


def test_both_readmes_have_tables_of_the_same_shape() -> None:
    shapes = [
        [line.count("|") for line in prose(page).splitlines() if line.startswith("|")]
        for page in (ENGLISH, CHINESE)
    ]
    assert shapes[0] == shapes[1]


def test_both_readmes_have_the_same_links_and_the_same_code() -> None:
    for pattern in (_LINK, _CODE):
        english, chinese = (sorted(pattern.findall(prose(page))) for page in (ENGLISH, CHINESE))
        assert [each for each in english if each != CHINESE] == [
            each for each in chinese if each != ENGLISH
        ]
