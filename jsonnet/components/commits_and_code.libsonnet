// Commits on the default branch and the code that they change, last 7 days; merge commits left out.
local queries = import '../lib/queries.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local units = queries.units;
local commits(metric) = queries.sum(metric, units.commit);
local lines(metric) = queries.sum(metric, units.line);
local thresholds = widgets.thresholds;

{
  total:: widgets.queryValue.new('Commits', commits('github.commits.total_7d')),
  hotfixes::
    widgets.queryValue.new('Hotfixes', commits('github.commits.hotfix'))
    + widgets.queryValue.thresholds(thresholds.worseAbove(2, 5)),
  reverts::
    widgets.queryValue.new('Reverts', commits('github.commits.reverts'))
    + widgets.queryValue.thresholds(thresholds.worseAbove(1, 3)),
  direct::
    widgets.queryValue.new('Without a pull request', commits('github.commits.direct_to_main_7d'))
    + widgets.queryValue.thresholds(thresholds.worseAbove(0, 3)),
  files:: widgets.queryValue.new('Files changed', queries.sum('github.code.files_changed_7d', units.file)),

  commitsOverTime:: widgets.timeseries.new('Commits', [
    commits('github.commits.total_7d') + queries.label('all'),
    commits('github.commits.direct_to_main_7d') + queries.label('without a pull request'),
  ]),
  repairsOverTime:: widgets.timeseries.new('Repairs', [
    commits('github.commits.hotfix') + queries.label('hotfixes'),
    commits('github.commits.reverts') + queries.label('reverts'),
  ]),
  linesOverTime::
    widgets.timeseries.new('Lines', [
      lines('github.code.lines_added_7d') + queries.label('added') + queries.palette('green'),
      lines('github.code.lines_deleted_7d') + queries.label('deleted') + queries.palette('red'),
    ])
    + widgets.timeseries.display('area'),
  filesOverTime:: widgets.timeseries.new('Files changed', [
    queries.sum('github.code.files_changed_7d', units.file) + queries.label('files'),
  ]),
}
