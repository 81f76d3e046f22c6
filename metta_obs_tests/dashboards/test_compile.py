"""Jsonnet becomes dashboards: all or nothing, stable, with errors that lead to the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metta_obs.dashboards.compile import CompileError, compile, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Jsonnet folder with a library and two dashboards."""
    root = tmp_path / "jsonnet"
    (root / "lib").mkdir(parents=True)
    (root / "dashboards").mkdir()
    (root / "lib" / "base.libsonnet").write_text("{ new(title):: { title: title, widgets: [0.1, std.extVar('env')] } }")
    for name in ("b", "a"):
        (root / "dashboards" / f"{name}.jsonnet").write_text(
            f"local base = import 'lib/base.libsonnet';\nbase.new('{name}')\n"
        )
    return root


def test_every_source_is_built_and_named_the_same_on_every_machine(folder: Path) -> None:
    first, second = compile("Test Env", folder)
    assert [first.source, second.source] == ["jsonnet/dashboards/a.jsonnet", "jsonnet/dashboards/b.jsonnet"]
    assert first.dashboard == {"title": "a", "widgets": [0.1, "test_env"]}
    assert first.name == "a"


def test_one_source_can_be_built_alone(folder: Path) -> None:
    (one,) = compile("test", folder, [folder / "dashboards" / "b.jsonnet"])
    assert one.name == "b"
    with pytest.raises(CompileError, match="does not lie in"):
        compile("test", folder, [folder.parent / "elsewhere.jsonnet"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n  title: 'x' +\n}", r"jsonnet/dashboards/a\.jsonnet:3"),
        ("{\n  title: nowhere\n}", r"jsonnet/dashboards/a\.jsonnet:2"),
        ("{\n  title: error 'no title'\n}", r"no title\n.*jsonnet/dashboards/a\.jsonnet:2"),
        ("(import 'lib/base.libsonnet').old()", r"jsonnet/dashboards/a\.jsonnet:1"),
        ("import 'lib/missing.libsonnet'", r"missing\.libsonnet"),
        ("[1]", r"jsonnet/dashboards/a\.jsonnet: a dashboard must be an object"),
    ],
)
def test_a_mistake_stops_everything_and_leads_to_its_line(folder: Path, text: str, message: str) -> None:
    (folder / "dashboards" / "a.jsonnet").write_text(text)
    with pytest.raises(CompileError, match=message) as caught:
        compile("test", folder)
    assert str(folder) not in str(caught.value)


def test_no_dashboards_is_an_error_and_not_an_empty_success(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no dashboards"):
        compile("test", tmp_path)


def test_building_twice_gives_the_same_bytes_and_touches_no_file(folder: Path, tmp_path: Path) -> None:
    files = write(compile("test", folder), tmp_path / "templates")
    assert [file.name for file in files] == ["a.json", "b.json"]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    write(compile("test", folder), tmp_path / "templates")
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    assert "0.1," in files[0].read_text()
    assert json.loads(files[0].read_text())["title"] == "a"
