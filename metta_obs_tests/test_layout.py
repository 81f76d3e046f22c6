"""What holds for the tree as a whole: who may import whom, where time comes from, what no file may contain."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRODUCT, TESTS = ROOT / "metta_obs", ROOT / "metta_obs_tests"
SANDBOX = PRODUCT / "sandbox"
# Written in two parts so that this file does not contain them itself.
REGISTRIES = ["pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org", "/simple" + "/"]
MACHINE_PATHS = ["/ro" + "ot/", "/wo" + "rk/", "/t" + "mp/", "/home" + "/", "/Us" + "ers/"]


def files() -> list[Path]:
    """Every file that belongs to the project: what git tracks or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    skipped = {".venv", ".metta_obs", ".specs", "__pycache__", ".git"}  # a copy without git
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped.intersection(path.parts)]


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, in full."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_the_sandbox_knows_nothing_of_the_product_so_that_one_mistake_cannot_hide_another() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in SANDBOX.rglob("*.py")
        for name in imported(path)
        if name.startswith(("metta_obs", "metta_obs_tests")) and not name.startswith("metta_obs.sandbox")
    ]
    assert not wrong


def test_the_product_knows_nothing_of_the_sandbox_or_the_tests() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in PRODUCT.rglob("*.py")
        if SANDBOX not in path.parents
        for name in imported(path)
        if name.startswith(("metta_obs.sandbox", "metta_obs_tests"))
    ]
    assert not wrong


def test_the_brute_force_shares_no_code_with_what_it_judges() -> None:
    judges = list(TESTS.glob("brute_force*.py"))
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in judges
        for name in imported(path)
        if name.startswith("metta_obs") and not name.startswith("metta_obs_tests.brute_force")
    ]
    assert judges
    assert not wrong


def test_nothing_but_the_clock_reads_the_time_so_that_a_replay_equals_what_was_live() -> None:
    clocks = {
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "time.time",
        "time.monotonic",
        "time.sleep",
        "pd.Timestamp.now",
    }
    wrong = []
    for path in PRODUCT.rglob("*.py"):
        if SANDBOX in path.parents or path.name == "clock.py":
            continue
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        called = {ast.unparse(call.func) for call in calls}
        wrong += [f"{path.relative_to(ROOT)} calls {name}" for name in called & clocks]
    assert not wrong


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    wrong = []
    for path in files():
        content = path.read_bytes().decode("utf-8", errors="replace")
        wrong += [f"{path.relative_to(ROOT)} contains {word}" for word in REGISTRIES + MACHINE_PATHS if word in content]
    assert not wrong
