// Pull requests: how many, how fast, how well reviewed. Windows are the last 7 days unless a title says otherwise.
local queries = import '../lib/queries.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local units = queries.units;
local count(metric) = queries.sum(metric, units.pullRequest);
local hours(metric) = queries.highest(metric, units.hour);
local thresholds = widgets.thresholds;

// Mean and percentiles of one distribution; the percentiles need 10 and 100 pull requests to have a point.
local distribution(title, mean, percentile) =
  widgets.timeseries.new(title, [
    hours(mean) + queries.label('mean'),
    hours(percentile('p50')) + queries.label('p50'),
    hours(percentile('p90')) + queries.label('p90'),
    hours(percentile('p99')) + queries.label('p99'),
  ]);

{
  open:: widgets.queryValue.new('Open', count('github.prs.open')),
  merged:: widgets.queryValue.new('Merged', count('github.prs.merged_7d')),
  closedWithoutMerge:: widgets.queryValue.new('Closed without merge', count('github.prs.closed_without_merge_7d')),
  stale::
    widgets.queryValue.new('Stale for 14 days', count('github.prs.stale_count_14d'))
    + widgets.queryValue.thresholds(thresholds.worseAbove(20, 60)),

  timeToMerge::
    widgets.queryValue.new('Time to merge, mean', hours('github.prs.avg_time_to_merge_hours'))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseAbove(48, 120)),
  cycleTime::
    widgets.queryValue.new('Cycle time, mean', hours('github.prs.cycle_time_hours'))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseAbove(72, 168)),
  timeToFirstReview::
    widgets.queryValue.new('First review, mean', hours('github.prs.time_to_first_review_hours'))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseAbove(8, 24)),
  reviewed::
    widgets.queryValue.new('Reviewed', queries.lowest('github.prs.with_review_comments_pct', units.percent))
    + widgets.queryValue.precision(1)
    + widgets.queryValue.thresholds(thresholds.worseBelow(80, 50)),
  comments::
    widgets.queryValue.new('Comments per merged PR', queries.lowest('github.prs.avg_comments_per_pr', units.comment))
    + widgets.queryValue.precision(1),

  backlogOverTime:: widgets.timeseries.new('Backlog', [
    count('github.prs.open') + queries.label('open'),
    count('github.prs.stale_count_14d') + queries.label('stale'),
  ]),
  flowOverTime:: widgets.timeseries.new('Leaving the backlog, last 7 days', [
    count('github.prs.merged_7d') + queries.label('merged'),
    count('github.prs.closed_without_merge_7d') + queries.label('closed without merge'),
  ]),
  openByRepository:: widgets.toplist.new('Open, by repository', count('github.prs.open') + queries.by(['repo'])),

  timeToMergeOverTime:: distribution(
    'Time to merge: opening to merge',
    'github.prs.avg_time_to_merge_hours',
    function(p) 'github.prs.time_to_merge_' + p + '_hours'
  ),
  cycleTimeOverTime:: distribution(
    'Cycle time: first commit to merge',
    'github.prs.cycle_time_hours',
    function(p) 'github.prs.cycle_time_' + p + '_hours'
  ),
  timeToFirstReviewOverTime:: distribution(
    'Time to first review',
    'github.prs.time_to_first_review_hours',
    function(p) 'github.prs.time_to_first_review_' + p + '_hours'
  ),
  reviewedOverTime::
    widgets.timeseries.new('Reviewed before merge', [
      queries.lowest('github.prs.with_review_comments_pct', units.percent) + queries.by(['repo']),
    ])
    + widgets.timeseries.range('0', '100'),
  commentsOverTime:: widgets.timeseries.new('Comments per merged PR', [
    queries.lowest('github.prs.avg_comments_per_pr', units.comment) + queries.by(['repo']),
  ]),
}
