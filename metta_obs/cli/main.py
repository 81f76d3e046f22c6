"""The commands. Each reads the settings, says in one line what is wrong with them, and hands on."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, ParamSpec, TypeVar

import dagster as dg
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from metta_obs.assets.delivery import SERIES_KEY
from metta_obs.assets.metrics import METRIC_ASSETS, metric_key
from metta_obs.assets.raw import RAW_ASSETS
from metta_obs.assets.resources import CLOCK
from metta_obs.cli import dashboards
from metta_obs.cli.execute import MISSING, UNUSABLE, run
from metta_obs.cli.explanation import explanation_as_json, print_explanation
from metta_obs.cli.output import as_json, output_console, print_points, print_summary
from metta_obs.clock import floor_quarter_hour, iso
from metta_obs.collectors import COLLECTORS
from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.github.api import GitHub
from metta_obs.github.errors import GitHubError
from metta_obs.lake.store import Lake, LakeError
from metta_obs.metrics.catalogue import PREFIX
from metta_obs.metrics.compute import FAILURES, default_branch, newest_covered
from metta_obs.metrics.explain import explain as explained
from metta_obs.metrics.registry import SERIES
from metta_obs.settings import SETTINGS, Settings, SettingsError

app = typer.Typer(no_args_is_help=True, help="Engineering health metrics.")
datadog = typer.Typer(no_args_is_help=True, help="Collect metrics and dashboards and send them to Datadog.")
app.add_typer(datadog, name="datadog")
datadog.add_typer(dashboards.app, name="dashboard")

Given = ParamSpec("Given")
Result = TypeVar("Result")
console = output_console()
errors = Console(stderr=True, soft_wrap=True)
Repos = Annotated[
    list[str],
    typer.Option("--repo", help="Only this OWNER/NAME (may be given several times), instead of METTA_OBS_REPOS."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print what Dagster logs.")]


def one_line(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """Turn what is wrong with the call, the settings or the keys into one line and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except (SettingsError, GitHubError, DatadogError, LakeError) as error:
            errors.print(f"error: {error}", style="red", markup=False, highlight=False)
            raise typer.Exit(UNUSABLE) from error

    return wrapped


def settings_for(repos: list[str]) -> Settings:
    """The settings, with the repositories of the command line where it names some."""
    settings = Settings.load({"METTA_OBS_REPOS": ",".join(repos)} if repos else None)
    try:
        settings.repos  # noqa: B018  (says what is wrong with them before any work)
    except SettingsError as error:
        raise SettingsError(str(error).replace("METTA_OBS_REPOS", "--repo")) if repos else error from error
    return settings


def moment(text: str, option: str) -> datetime:
    """An ISO time floored to its quarter-hour; another minute is said so. SettingsError where it is none."""
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise SettingsError(f"{option}: '{text}' is no time: write one such as 2025-10-23T18:30:00Z") from error
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    floored = floor_quarter_hour(given)
    if floored != given:
        errors.print(f"{option}: {iso(given)} is no quarter-hour: taken as {iso(floored)}", highlight=False)
    return floored


def series_name(key: str, argument: str) -> str:
    """A series as in Datadog, from its key with or without the prefix; SettingsError where there is none."""
    name = key if key.startswith(PREFIX) else PREFIX + key
    if name not in SERIES:
        raise SettingsError(f"{argument}: there is no '{key}': docs/CI_CD_METRICS.md and Datadog name them all")
    return name


def not_future(instant: datetime, now: datetime, option: str) -> None:
    """SettingsError for an instant that is still to come."""
    if instant > now:
        raise SettingsError(f"{option}: {iso(instant)} lies in the future (it is {iso(now)} now)")


@datadog.command()
@one_line
def collect(
    collector: Annotated[str, typer.Argument(help="What to collect: " + ", ".join(COLLECTORS))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing and keep no points (the default).")] = False,
    push: Annotated[bool, typer.Option("--push", help="Send the points to Datadog.")] = False,
    repo: Repos = [],  # noqa: B006  (typer copies it)
    as_of: Annotated[
        str, typer.Option("--as-of", help="The instant, in ISO form; by default the last quarter-hour.")
    ] = "",
    json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull what changed, compute every metric, print it and, with --push, send it."""
    if collector not in COLLECTORS:
        raise SettingsError(f"there is no collector '{collector}': name one of {', '.join(COLLECTORS)}")
    if dry_run and push:
        raise SettingsError("--dry-run and --push contradict each other")
    settings = settings_for(repo)
    asked = moment(as_of, "--as-of") if as_of else None
    now = GitHub(settings.github_url, settings.github_token, CLOCK).now()
    instant = asked or floor_quarter_hour(now)
    not_future(instant, now, "--as-of")
    if push:
        check_datadog(settings)
    Lake(settings.get("METTA_OBS_LAKE")).check()
    keys = [spec.key for assets in (*RAW_ASSETS, *METRIC_ASSETS) for spec in assets.specs]
    with tempfile.TemporaryDirectory() as scratch:
        report = run(
            "everything",
            settings,
            {"as_of": iso(instant)},
            selection=[*keys, SERIES_KEY] if push else keys,
            derived_root="" if push else scratch,
            instance=persistent_instance() if push else None,
            verbose=verbose,
        )
    if json:
        print(as_json(report, iso(instant), settings.get("DD_ENV")))
        print_remarks(report.remarks)
    else:
        print_points(report, console)
        print_summary(report, console)
        if not push:
            console.print("A dry run: nothing was sent and no point was kept.")
    raise typer.Exit(report.exit_code)


@datadog.command()
@one_line
def replay(
    start: Annotated[str, typer.Option("--from", help="First instant, in ISO form.")],
    end: Annotated[str, typer.Option("--to", help="Last instant, included.")],
    metric: Annotated[str, typer.Option("--metric", help="Only this key, such as prs.open.")] = "",
    restated: Annotated[bool, typer.Option("--restated", help="From what is known today instead of then.")] = False,
    repo: Repos = [],  # noqa: B006
    json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compute every quarter-hour of a range again from the tables. The points are kept and not sent."""
    settings = settings_for(repo)
    first, last = moment(start, "--from"), moment(end, "--to")
    if last < first:
        raise SettingsError(f"--to ({iso(last)}) lies before --from ({iso(first)})")
    name = series_name(metric, "--metric") if metric else ""
    not_future(last, max(CLOCK.now(), newest_pull(settings)), "--to")
    report = run(
        "replay",
        settings,
        {"start": iso(first), "end": iso(last), "restated": restated},
        selection=[metric_key(SERIES[name][1])] if metric else None,
        verbose=verbose,
    )
    if metric:
        points = report.points[report.points["metric"] == name].reset_index(drop=True)
        report = replace(report, points=points)
    if json:
        print(as_json(report, iso(last), settings.get("DD_ENV")))
        print_remarks(report.remarks)
    else:
        print_points(report, console)
        instants = report.points["as_of"].nunique()
        console.print(
            f"{len(report.points)} values at {instants} instants; the table shows the last. --json prints all."
        )
    raise typer.Exit(report.exit_code)


@datadog.command()
@one_line
def explain(
    metric: Annotated[str, typer.Argument(help="The key, such as prs.open or prs.cycle_time_p90_hours.")],
    repo: Annotated[
        str, typer.Option("--repo", help="OWNER/NAME; by default the one repository of METTA_OBS_REPOS.")
    ] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="The instant, in ISO form; by default the newest that complete pulls cover.")
    ] = "",
    json: AsJson = False,
) -> None:
    """What one number rests on: the rows, the window, what was known when, the versions, and where to verify it."""
    series, of = SERIES[series_name(metric, "METRIC")]
    settings = settings_for([repo] if repo else [])
    if len(settings.repos) > 1:
        raise SettingsError(f"--repo: say which of {', '.join(settings.repos.values())}")
    ((key, name),) = settings.repos.items()
    lake = Lake(settings.get("METTA_OBS_LAKE"))
    lake.check()
    asked = moment(as_of, "--as-of") if as_of else None
    if asked:
        not_future(asked, max(CLOCK.now(), newest_pull(settings)), "--as-of")
    instant = asked or newest_covered(lake, [of], key)
    if instant is None:
        raise SettingsError(f"{name}: there is no complete pull yet: `metta datadog collect github` makes one")
    found = explained(lake, series, of, key, pd.Timestamp(instant), settings.options)
    link = of.verify_link(settings.github_web, name, found.point["as_of"], default_branch(lake, key))
    page = f"{settings.github_web}/{name}"
    if json:
        print(explanation_as_json(found, name, page, link))
    else:
        print_explanation(found, name, page, link, console)
    raise typer.Exit(MISSING if found.point["reason"] in FAILURES else 0)


@datadog.command("list-collectors")
@one_line
def list_collectors() -> None:
    """Each collector with its tables, metrics, settings and the last complete pull of each repository."""
    settings = Settings.load()
    lake = Lake(settings.get("METTA_OBS_LAKE"))
    for collector in COLLECTORS.values():
        table = Table(title=f"{collector.name}: {collector.title}", title_justify="left", show_header=False)
        table.add_row("tables", ", ".join(collector.tables))
        table.add_row("metrics", ", ".join(collector.metrics))
        table.add_row("settings", ", ".join(collector.settings))
        for repo, name in (settings.repos if settings.get("METTA_OBS_REPOS") else {}).items():
            table.add_row(f"last complete pull of {name}", last_complete_pull(lake, repo, collector.tables))
        console.print(table)


def last_complete_pull(lake: Lake, repo: str, tables: tuple[str, ...]) -> str:
    """When the newest complete pull of every table started, or which tables never had one."""
    pulls = lake.read("pulls", repo)
    newest = pulls[pulls["complete"].astype(bool)].groupby("table")["started_at"].max()
    never = [table for table in tables if table not in newest.index]
    if never:
        return "never" if len(never) == len(tables) else f"never for {', '.join(never)}"
    return iso(newest[list(tables)].min())


def newest_pull(settings: Settings) -> datetime:
    """Start of the newest pull: a simulated GitHub may be ahead of this machine's clock."""
    lake = Lake(settings.get("METTA_OBS_LAKE"))
    starts = [lake.read("pulls", repo)["started_at"].max() for repo in settings.repos]
    known = [start for start in starts if pd.notna(start)]
    return max(known).to_pydatetime() if known else datetime.min.replace(tzinfo=UTC)


@datadog.command()
@one_line
def env(
    check: Annotated[
        bool, typer.Option("--check", help="Ask both services whether keys and permissions suffice.")
    ] = False,
) -> None:
    """What is configured and where each secret comes from, never its value."""
    settings = Settings.load()
    table = Table("setting", "value", "from", "meaning")
    for setting in SETTINGS.values():
        source = settings.source(setting.name)
        shown = ("set" if settings.secret(setting.name) else "") if setting.secret else settings.get(setting.name)
        table.add_row(setting.name, shown, source, setting.meaning)
    console.print(table)
    if check:
        failed = [line for line in check_services(settings) if line]
        raise typer.Exit(UNUSABLE if failed else 0)


def check_services(settings: Settings) -> list[str]:
    """Ask GitHub and Datadog what the keys can do, print it, return what is wrong."""
    wrong = []

    def say(ok: bool, what: str) -> None:
        console.print(("[green]ok[/green] " if ok else "[red]no[/red] "), end="")
        console.print(what, markup=False, highlight=False)
        if not ok:
            wrong.append(what)

    try:
        github = GitHub(settings.github_url, settings.github_token, CLOCK)
        github.now()
        say(True, f"GitHub at {settings.github_url} takes the token")
        for name in settings.repos.values():
            for path, needs in (
                ("", "Metadata"),
                ("/pulls", "Pull requests"),
                ("/commits", "Contents"),
                ("/actions/runs", "Actions"),
            ):
                try:
                    github.get(f"/repos/{name}{path}", {"per_page": 1} if path else None)
                    say(True, f"{name}: {needs}: read")
                except GitHubError as error:
                    say(error.reason == "empty", f"{name}: {needs}: {error}")
    except (GitHubError, SettingsError) as error:
        say(False, str(error))
    try:
        client = datadog_client(settings)
        for found in client.validate():
            say(found.ok, f"Datadog: {found.what}" + (f": {found.detail}" if not found.ok else ""))
    except (DatadogError, SettingsError) as error:
        say(False, str(error))
    return wrong


def datadog_client(settings: Settings) -> Datadog:
    """Datadog as the settings say; SettingsError without an API key."""
    key = settings.secret("DD_API_KEY")
    if key is None:
        raise SettingsError(
            f"DD_API_KEY is {settings.source('DD_API_KEY')}: put a Datadog API key into .env or the environment"
        )
    return Datadog(
        key,
        settings.secret("DD_APP_KEY"),
        site=settings.get("DD_SITE"),
        url=settings.get("DD_URL") or None,
        clock=CLOCK,
    )


def check_datadog(settings: Settings) -> None:
    """SettingsError where Datadog does not take the API key."""
    first = datadog_client(settings).validate()[0]
    if not first.ok:
        raise SettingsError(f"DD_API_KEY: {first.detail}")


def persistent_instance() -> dg.DagsterInstance | None:
    """The Dagster instance whose UI shows the run: where DAGSTER_HOME points, or as ./dagster.yaml says.

    None where there is neither: the run leaves no trace in Dagster.
    """
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_config(os.getcwd()) if os.path.exists("dagster.yaml") else None


def print_remarks(remarks: list[str]) -> None:
    """On standard error, so that standard output stays one JSON object."""
    for remark in remarks:
        print(remark, file=sys.stderr)


if __name__ == "__main__":
    app()
