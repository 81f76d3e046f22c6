"""The jobs, and the schedule that runs the main one every quarter-hour."""

import dagster as dg

from metta_obs.assets.dashboards import DASHBOARDS_KEY
from metta_obs.assets.delivery import SERIES_KEY
from metta_obs.assets.metrics import METRIC_ASSETS
from metta_obs.clock import iso
from metta_obs.settings import Settings

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
METRICS = dg.AssetSelection.assets(*METRIC_ASSETS)

EVERYTHING = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.all(),
    description="Pull what changed on GitHub, compute every metric, send the points and the dashboards to Datadog.",
)
METRICS_ONLY = dg.define_asset_job(
    "metrics",
    selection=METRICS | dg.AssetSelection.assets(SERIES_KEY),
    description="Compute every metric from the tables as they are and send the points; asks GitHub nothing.",
)
DASHBOARDS_ONLY = dg.define_asset_job(
    "dashboards",
    selection=dg.AssetSelection.assets(DASHBOARDS_KEY),
    description="Compile the Jsonnet dashboards and bring Datadog's up to date.",
)
REPLAY = dg.define_asset_job(
    "replay",
    selection=METRICS - dg.AssetSelection.checks_for_assets(*METRIC_ASSETS),
    description=(
        "Compute every metric again at every quarter-hour of a range, from what was known then, or `restated` from "
        "what is known now. The points are kept and not sent."
    ),
    config={"resources": {"instants": {"config": {"start": "", "end": "", "restated": False}}}},
)
JOBS = [EVERYTHING, METRICS_ONLY, DASHBOARDS_ONLY, REPLAY]


def quarter_hourly(on: bool) -> dg.ScheduleDefinition:
    """The schedule of the main job; `on`: it runs without being started in the UI."""

    @dg.schedule(
        name="every_quarter_hour",
        job=EVERYTHING,
        cron_schedule="*/15 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description="Runs everything for its scheduled instant; skips a tick while the previous run is active.",
    )
    def every_quarter_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        active = context.instance.get_runs(dg.RunsFilter(job_name=EVERYTHING.name, statuses=UNFINISHED), limit=1)
        if active:
            return dg.SkipReason(f"run {active[0].run_id} of {EVERYTHING.name} is still active")
        instant = iso(context.scheduled_execution_time)
        return dg.RunRequest(
            run_key=instant,
            run_config={"resources": {"instants": {"config": {"as_of": instant}}}},
            tags={"as_of": instant},
        )

    return every_quarter_hour


def schedules() -> list[dg.ScheduleDefinition]:
    """The schedules, started by themselves where METTA_OBS_SCHEDULE says so."""
    return [quarter_hourly(Settings.load().schedule_on)]
