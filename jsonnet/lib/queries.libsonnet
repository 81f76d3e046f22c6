// Metric queries for gauges that arrive every 15 minutes.
//
// A query is one metric within the dashboard's $repo and $env. `over` says how several repositories become one
// number: 'sum' for counts; 'max' or 'min', the worst of them, for means, percentiles and shares, which cannot be
// averaged. Options are added with `+`. Widgets name the queries and write the formulas, so none can be left over.
{
  local interval = '900',  // seconds between two points; Datadog fills gaps of at most 600

  new(metric, over):: {
    metric:: metric,
    over:: over,
    groups:: [],
    label:: null,
    unit:: null,
    palette:: null,
    local by = if self.groups == [] then '' else ' by {' + std.join(',', self.groups) + '}',
    // Within a long interval a count is averaged; the worst stays the worst.
    local time = if self.over == 'sum' then 'avg' else self.over,
    text:: self.over + ':' + self.metric + '{$repo,$env}' + by + '.rollup(' + time + ', ' + interval + ')',
  },

  sum(metric, unit):: self.new(metric, 'sum') + self.unit(unit),
  highest(metric, unit):: self.new(metric, 'max') + self.unit(unit),
  lowest(metric, unit):: self.new(metric, 'min') + self.unit(unit),

  // Options.
  by(tags):: { groups:: tags },
  label(text):: { label:: text },
  unit(unit):: { unit:: unit },
  palette(name):: { palette:: name },

  // Units: Datadog's own where it has one, else a label of at most 12 characters.
  units:: {
    local canonical(name) = { type: 'canonical_unit', unit_name: name },
    local label(text) = { type: 'custom_unit_label', label: text },
    hour: canonical('hour'),
    minute: canonical('minute'),
    percent: canonical('percent'),
    commit: canonical('commit'),
    file: canonical('file'),
    run: canonical('run'),
    pullRequest: label('PRs'),
    comment: label('comments'),
    branch: label('branches'),
    line: label('lines'),
    developer: label('developers'),
    none: null,
  },
}
