// CI/CD: does the default branch pass, how often do workflow runs fail, how long do they take.
local queries = import '../lib/queries.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local units = queries.units;
local runs(metric) = queries.sum(metric, units.run);
local minutes(metric) = queries.highest(metric, units.minute);
local thresholds = widgets.thresholds;

{
  passing::
    // 1 or 0: Datadog has no yes and no.
    widgets.queryValue.new('Default branch passes', queries.lowest('github.ci.tests_passing_on_main', units.none))
    + widgets.queryValue.thresholds(thresholds.worseBelow(1, 1)),
  successRate::
    widgets.queryValue.new('Success rate', queries.lowest('github.ci.success_rate_pct', units.percent))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseBelow(90, 75)),
  runs:: widgets.queryValue.new('Runs', runs('github.ci.workflow_runs_7d')),
  failed:: widgets.queryValue.new('Failed runs', runs('github.ci.failed_workflows_7d')),
  flaky::
    widgets.queryValue.new('Flaky runs', runs('github.ci.flaky_runs_7d'))
    + widgets.queryValue.thresholds(thresholds.worseAbove(5, 20)),
  duration::
    widgets.queryValue.new('Duration, mean', minutes('github.ci.avg_workflow_duration_minutes'))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseAbove(10, 20)),

  passingOverTime::
    widgets.timeseries.new('Default branch passes', [
      queries.lowest('github.ci.tests_passing_on_main', units.none) + queries.by(['repo']),
    ])
    + widgets.timeseries.display('area')
    + widgets.timeseries.range('0', '1'),
  runsOverTime:: widgets.timeseries.new('Workflow runs, last 7 days', [
    runs('github.ci.workflow_runs_7d') + queries.label('all'),
    runs('github.ci.failed_workflows_7d') + queries.label('failed'),
    runs('github.ci.flaky_runs_7d') + queries.label('flaky'),
  ]),
  successRateOverTime::
    widgets.timeseries.new('Success rate of attempts', [
      queries.lowest('github.ci.success_rate_pct', units.percent) + queries.by(['repo']),
    ])
    + widgets.timeseries.range('0', '100')
    + widgets.timeseries.marker(90, 'what we aim at', 'ok dashed'),
  durationOverTime:: widgets.timeseries.new('Duration of an attempt', [
    minutes('github.ci.avg_workflow_duration_minutes') + queries.label('mean'),
    minutes('github.ci.duration_p50_minutes') + queries.label('p50'),
    minutes('github.ci.duration_p90_minutes') + queries.label('p90'),
    minutes('github.ci.duration_p99_minutes') + queries.label('p99'),
  ]),
}
