"""`make run`: the whole main job once, as a scheduled run does it (`python -m metta_obs.cli.once`).

The run is kept in the Dagster data of the working folder, so that `make ui` shows it. Not here: what a run does
(`metta_obs.definitions`), how it is printed (`output`).
"""

from __future__ import annotations

import sys

from metta_obs.assets.resources import CLOCK
from metta_obs.cli.execute import UNUSABLE, run
from metta_obs.cli.main import console, datadog_client, errors, persistent_instance
from metta_obs.cli.output import print_points, print_summary
from metta_obs.clock import floor_quarter_hour, iso
from metta_obs.datadog.client import DatadogError
from metta_obs.github.api import GitHub
from metta_obs.github.errors import GitHubError
from metta_obs.lake.store import Lake, LakeError
from metta_obs.settings import Settings, SettingsError


def once() -> int:
    """Check the credentials, run everything for the last quarter-hour by GitHub's clock, print it; the exit code.

    Raises SettingsError, GitHubError, DatadogError or LakeError, before any work, for a setting that is missing or
    wrong.
    """
    settings = Settings.load()
    settings.repos, settings.lookback_days  # noqa: B018  (says what is wrong with them)
    now = GitHub(settings.github_url, settings.github_token, CLOCK).now()
    check_datadog_keys(settings)
    Lake(settings.get("METTA_OBS_LAKE")).check()
    instance = persistent_instance()
    report = run("everything", settings, {"as_of": iso(floor_quarter_hour(now))}, instance=instance)
    if instance is not None:
        instance.dispose()
    print_points(report, console)
    print_summary(report, console)
    return report.exit_code


def check_datadog_keys(settings: Settings) -> None:
    """SettingsError for a key that Datadog does not take; one that is not configured is no error, nothing is sent."""
    if settings.secret("DD_API_KEY") is None:
        return
    checks = datadog_client(settings).validate()
    checked = {"DD_API_KEY": checks[:1]}
    if settings.secret("DD_APP_KEY") is not None:
        checked["DD_APP_KEY"] = checks[1:]
    for name, found in checked.items():
        wrong = [check.detail for check in found if not check.ok]
        if wrong:
            raise SettingsError(f"{name}: {wrong[0]}")


def main() -> int:
    """`once`, with what is wrong with the settings as one line and exit code 2."""
    try:
        return once()
    except (SettingsError, GitHubError, DatadogError, LakeError) as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False)
        return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
