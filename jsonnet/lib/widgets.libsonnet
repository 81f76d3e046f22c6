// One primitive for each type of widget that the dashboards use.
//
// `new(what it cannot do without)` makes a widget; options are added with `+`, such as
//   widgets.queryValue.new('Open', query) + widgets.queryValue.precision(1)
// A widget has no place of its own: lib/layout.libsonnet gives it one.
{
  local name(index) = 'q' + index,
  local queries(lines, extra={}) = std.mapWithIndex(
    function(index, line) { data_source: 'metrics', name: name(index), query: line.text } + extra, lines
  ),
  local formulas(lines) = std.mapWithIndex(
    function(index, line)
      { formula: name(index) }
      + (if line.label == null then {} else { alias: line.label })
      + (if line.unit == null then {} else { number_format: { unit: line.unit } })
      + (if line.palette == null then {} else { style: { palette: line.palette, palette_index: 3 } }),
    lines
  ),

  // One number: the latest, over its recent course.
  queryValue:: {
    new(title, query):: {
      definition: {
        type: 'query_value',
        title: title,
        title_size: '16',
        title_align: 'left',
        autoscale: false,
        precision: 0,
        requests: [{
          response_format: 'scalar',
          queries: queries([query], { aggregator: 'last' }),
          formulas: formulas([query]),
        }],
        timeseries_background: { type: 'area', yaxis: { include_zero: true } },
      },
    },
    precision(digits):: { definition+: { precision: digits } },
    // Colours by value; the first of these that holds counts.
    thresholds(formats):: { definition+: { requests: [super.requests[0] { conditional_formats: formats }] } },
    plain:: { definition+: { timeseries_background:: null } },
  },

  // Lines over time, one for each query (and each group of it).
  timeseries:: {
    new(title, lines):: {
      definition: {
        type: 'timeseries',
        title: title,
        title_size: '16',
        title_align: 'left',
        show_legend: true,
        legend_layout: 'auto',
        legend_columns: ['value', 'min', 'max'],
        requests: [{
          response_format: 'timeseries',
          display_type: 'line',
          queries: queries(lines),
          formulas: formulas(lines),
          style: { palette: 'dog_classic', line_type: 'solid', line_width: 'normal' },
        }],
        yaxis: { include_zero: true },
      },
    },
    display(type):: { definition+: { requests: [super.requests[0] { display_type: type }] } },
    marker(value, label, type='warning dashed'):: {
      definition+: { markers+: [{ value: 'y = ' + value, label: label, display_type: type }] },
    },
    range(min, max):: { definition+: { yaxis+: { min: min, max: max } } },
  },

  // The groups of one query, the largest latest value first.
  toplist:: {
    new(title, query, count=10):: {
      definition: {
        type: 'toplist',
        title: title,
        title_size: '16',
        title_align: 'left',
        requests: [{
          response_format: 'scalar',
          queries: queries([query], { aggregator: 'last' }),
          formulas: formulas([query]),
          sort: { count: count, order_by: [{ type: 'formula', index: 0, order: 'desc' }] },
        }],
        style: { display: { type: 'stacked', legend: 'automatic' } },
      },
    },
  },

  // Markdown.
  note:: {
    new(content):: {
      definition: {
        type: 'note',
        content: content,
        background_color: 'transparent',
        font_size: '14',
        text_align: 'left',
        vertical_align: 'center',
        show_tick: false,
        tick_edge: 'left',
        tick_pos: '50%',
        has_padding: true,
      },
    },
    color(name):: { definition+: { background_color: name } },
  },

  // A titled frame around widgets that have their place already.
  group:: {
    new(title, placed):: {
      definition: {
        type: 'group',
        layout_type: 'ordered',
        title: title,
        show_title: true,
        background_color: 'vivid_blue',
        widgets: placed,
      },
    },
    color(name):: { definition+: { background_color: name } },
  },

  // Conditional formats for numbers that get worse as they rise, or as they fall.
  thresholds:: {
    local format(comparator, value, palette) = { comparator: comparator, value: value, palette: palette },
    worseAbove(warning, alarm):: [
      format('>', alarm, 'white_on_red'),
      format('>', warning, 'white_on_yellow'),
      format('<=', warning, 'white_on_green'),
    ],
    worseBelow(warning, alarm):: [
      format('<', alarm, 'white_on_red'),
      format('<', warning, 'white_on_yellow'),
      format('>=', warning, 'white_on_green'),
    ],
  },
}
