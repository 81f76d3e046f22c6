// Branches other than the default one.
local queries = import '../lib/queries.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local branches(metric) = queries.sum(metric, queries.units.branch);

{
  active:: widgets.queryValue.new('Active branches', branches('github.branches.active')),
  total:: widgets.queryValue.new('Branches', branches('github.branches.total')),

  overTime:: widgets.timeseries.new('Branches', [
    branches('github.branches.total') + queries.label('all'),
    branches('github.branches.active') + queries.label('active'),
  ]),
}
