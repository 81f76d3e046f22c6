"""The commands for dashboards: `metta datadog dashboard build` and `push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from metta_obs.assets.resources import CLOCK
from metta_obs.dashboards.check import CheckError, build
from metta_obs.dashboards.compile import FOLDER, CompileError, write
from metta_obs.dashboards.push import Pushed, PushError, push
from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.metrics.registry import SERIES
from metta_obs.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Dashboards as code.")
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)
TEMPLATES = FOLDER.parent / "templates"


def fail(message: object, code: int) -> typer.Exit:
    """Print what is wrong and leave."""
    errors.print(f"error: {message}", style="red", markup=False)
    return typer.Exit(code)


@app.command("build")
def build_command(
    file: Annotated[
        list[Path], typer.Option("--file", "-f", help="Only this source (may be given several times).")
    ] = [],  # noqa: B006
) -> None:
    """Compile and check the Jsonnet sources and write their JSON to templates/, all or nothing."""
    try:
        built = build(Settings.load().get("DD_ENV"), SERIES, only=file or None)
    except (CompileError, CheckError) as error:
        raise fail(error, 1) from error
    for one, target in zip(built, write(built, TEMPLATES), strict=True):
        console.print(f"{one.source} -> {target}", markup=False)


@app.command("push")
def push_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent and send nothing.")] = False,
) -> None:
    """Compile, check, and create or update on Datadog what changed."""
    settings = Settings.load()
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        if settings.secret(name) is None:
            raise fail(f"{name} is {settings.source(name)}: put a Datadog key into .env or the environment", 2)
    env = settings.get("DD_ENV")
    try:
        built = build(env, SERIES)
        client = Datadog(
            settings.secret("DD_API_KEY") or "",
            settings.secret("DD_APP_KEY"),
            site=settings.get("DD_SITE"),
            url=settings.get("DD_URL") or None,
            clock=CLOCK,
        )
        show(push(client, built, env, dry_run=dry_run), dry_run)
    except PushError as error:
        show(error.report, dry_run)
        raise fail(error, 1) from error
    except (CompileError, CheckError, DatadogError) as error:
        raise fail(error, 1) from error


def show(report: list[Pushed], dry_run: bool) -> None:
    """A line per dashboard, and what changes under it."""
    for one in report:
        would = "would be " if dry_run and one.action in ("created", "updated") else ""
        console.print(f"{one.title} ({one.source}): {would}{one.action} {one.url or ''}", markup=False)
        for change in one.changes:
            console.print(f"    {change}", markup=False)
        if one.edited:
            console.print(
                "    changes made in Datadog since the last push "
                + ("would be" if dry_run else "were")
                + " overwritten"
            )
