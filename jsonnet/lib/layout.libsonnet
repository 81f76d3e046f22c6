// Places on Datadog's grid of 12 columns, in whole numbers.
//
// A row is a band of the page: its height, and its widgets for the line where it begins. Bands stack to a section,
// which is a band itself, or to a page. Heights are kept as numbers, since Jsonnet would evaluate a widget anew each
// time its layout is read back.
local widgets = import 'widgets.libsonnet';

{
  local columns = 12,
  local band(height, at) = { height: height, at:: at },
  local place(x, y, width, height) = { layout: { x: x, y: y, width: width, height: height } },
  local sum(numbers) = std.foldl(function(total, number) total + number, numbers, 0),

  // Widgets side by side with widths of their own, which must add up to 12.
  split(list, widths, height)::
    assert std.length(list) == std.length(widths) : 'a row needs one width for each widget';
    assert sum(widths) == columns : 'the widths of a row must add up to 12';
    local edges = [sum(widths[0:index]) for index in std.range(0, std.length(widths) - 1)];
    band(height, function(y) [
      list[index] + place(edges[index], y, widths[index], height)
      for index in std.range(0, std.length(list) - 1)
    ]),

  // Widgets side by side over the whole width: as equal as whole numbers allow.
  row(list, height)::
    local count = std.length(list);
    local edge(index) = std.floor(index * columns / count);
    self.split(list, [edge(index + 1) - edge(index) for index in std.range(0, count - 1)], height),

  // Bands one below the other, as widgets.
  stack(bands)::
    local heights = [one.height for one in bands];
    std.flattenArrays([bands[index].at(sum(heights[0:index])) for index in std.range(0, std.length(bands) - 1)]),

  // Bands in a titled group of full width.
  section(title, bands, color='vivid_blue')::
    local height = sum([one.height for one in bands]) + 1;  // the group's title takes one line of the grid
    local group = widgets.group.new(title, self.stack(bands)) + widgets.group.color(color);
    band(height, function(y) [group + place(0, y, columns, height)]),
}
