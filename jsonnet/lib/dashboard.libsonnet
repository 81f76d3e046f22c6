// A dashboard over our metrics: title, what it is for, and rows of widgets (lib/layout.libsonnet).
local layout = import 'layout.libsonnet';

{
  new(title, description, rows):: {
    title: title,
    description: description,
    layout_type: 'ordered',
    reflow_type: 'fixed',
    template_variables: [
      { name: 'repo', prefix: 'repo', available_values: [], defaults: ['*'] },
      // The environment that the dashboard is pushed for, so that it opens on its own numbers.
      { name: 'env', prefix: 'env', available_values: [], defaults: [std.extVar('env')] },
    ],
    widgets: layout.stack(rows),
  },

  // Options.
  teams(names):: { tags: ['team:' + name for name in names] },
  timeframe(value, unit):: { default_timeframe: { type: 'live', value: value, unit: unit } },
}
