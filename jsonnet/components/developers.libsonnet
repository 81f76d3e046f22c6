// People who commit to the default branch, last 7 days; bots left out.
local queries = import '../lib/queries.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local units = queries.units;

{
  active:: widgets.queryValue.new('Active developers', queries.sum('github.developers.active_7d', units.developer)),
  commitsPerDeveloper::
    widgets.queryValue.new('Commits per developer', queries.highest('github.commits.per_developer_7d', units.commit))
    + widgets.queryValue.precision(1),

  activeOverTime:: widgets.timeseries.new('Active developers', [
    queries.sum('github.developers.active_7d', units.developer) + queries.by(['repo']),
  ]),
  commitsPerDeveloperOverTime:: widgets.timeseries.new('Commits per developer', [
    queries.highest('github.commits.per_developer_7d', units.commit) + queries.by(['repo']),
  ]),
}
