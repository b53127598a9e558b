"""Label selectors, as `kubectl -l` takes them."""

from __future__ import annotations

import pytest

from cnat.manifests import selector

LABELS = {"app": "web", "example.com/tier": "front", "empty": "", "priority": "007"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app",
        "!other",
        "app=web",
        "app == web",
        "empty=",
        "app!=db",
        "other!=db",
        "app in (db, web)",
        "app notin (db,cache)",
        "other notin (db)",
        "app in (db,web), example.com/tier=front,!other",
        "priority>6",
        "priority < 8",
        "app,priority>6,priority<8",
    ],
)
def test_a_selector_accepts_these_labels(text: str) -> None:
    assert selector.parse(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "!app",
        "app=db",
        "app!=web",
        "app in (db)",
        "other in (db)",
        "app notin (web)",
        "app=web,other",
        "priority>7",
        "priority<7",
        "app>1",
        "other<1",
        "empty<1",
    ],
)
def test_a_selector_leaves_these_labels_out(text: str) -> None:
    assert not selector.parse(text)(LABELS)


@pytest.mark.parametrize(
    "text", ["app=", "in=in", "notin", "in in (in)", "a.b/c_d-e.f=g", "app in ()"]
)
def test_words_of_the_syntax_may_be_keys_and_values_may_be_empty(text: str) -> None:
    selector.parse(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("app=web,", "''"),
        ("app=(web)", "'(web)'"),
        ("app=web db", "'app=web db'"),
        ("app in web", "'app in web'"),
        ("app in (web", "'app in (web'"),
        ("-app", "'-app'"),
        ("a/b/c=d", "'a/b/c=d'"),
        ("app=web=db", "'app=web=db'"),
        ("app>web", "'app>web'"),
        ("app>1_0", "'app>1_0'"),
        ("app>", "'app>'"),
        ("app<-1", "'app<-1'"),
        ("app>9223372036854775808", "'app>9223372036854775808'"),
    ],
)
def test_a_refusal_names_the_part_that_is_no_selector(text: str, part: str) -> None:
    with pytest.raises(ValueError, match="label") as refusal:
        selector.parse(text)
    assert part in str(refusal.value)
