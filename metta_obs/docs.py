"""`make docs`: writes what documents repeat of the code: the catalogue, the tables, the settings, the commands.

Here: turning catalogue, schemas, settings and command line into Markdown. Not here: anything that people write; in
README.md only what stands between the `generated` marks is replaced. `--check` writes nothing and names what is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import wrap
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa
import typer

from metta_obs.cli.main import app
from metta_obs.github.collector import PULLS
from metta_obs.lake.schemas import RAW_TABLES, TABLES, VERSION, Table
from metta_obs.metrics.catalogue import GROUPS, REASONS, Metric
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.settings import SETTINGS, Setting

ROOT = Path(__file__).resolve().parents[1]
GENERATED = "<!-- `make docs` writes this page from the code. -->\n\n"

# The numbers that the metrics go by; the catalogue lists them by group.
NUMBERED = """
prs.open prs.merged_7d prs.closed_without_merge_7d prs.avg_time_to_merge_hours prs.cycle_time_hours
prs.stale_count_14d prs.with_review_comments_pct prs.avg_comments_per_pr branches.active commits.total_7d
commits.hotfix commits.reverts code.lines_added_7d code.lines_deleted_7d code.files_changed_7d
commits.direct_to_main_7d ci.workflow_runs_7d ci.failed_workflows_7d ci.tests_passing_on_main
ci.avg_workflow_duration_minutes ci.duration_p50_minutes ci.duration_p90_minutes ci.duration_p99_minutes
developers.active_7d commits.per_developer_7d
""".split()

METRICS_INTRO = """\
{metrics} metrics and {extras} more from the same rows, sent to Datadog as {series} gauges per repository, tagged
`repo:owner/name` (in lower case), `org:owner` and `env:…`. t is the instant that a point speaks of, a quarter-hour in
UTC. What goes for every metric (windows, what is known at t, humans, percentiles) is in
[METRIC_CONVENTIONS.md](METRIC_CONVENTIONS.md).

Where GitHub can show the same rows, each materialisation in Dagster has the link. In those below `{{at}}` stands for
t, `{{week}}` for the 7 days before it and `{{since}}` and `{{until}}` for their ends. A search on GitHub includes its
ends, so the last of them is one second before t.

"""

NO_POINT = """
## When there is no point

A missing point is never a 0. Its reason stands beside it in the printed table, in `--json`, in the lake
(`metric_points`) and in the asset's check:

"""

TABLES_INTRO = """\
Delta Lake tables, one folder each under `METTA_OBS_LAKE`; DuckDB, Spark and Polars read them without this project.
Nothing in them is ever rewritten.

A raw table holds row versions: a pull appends the rows that are new or differ from their last version. Beside its own
columns each has `repo` and

{version}
The last version per key is what is known now; the last with `seen_at` ≤ k is what was known at k:

```python
{example}```
"""

COMMANDS_INTRO = """\
Exit codes: 0 all is well; 1 a value is missing because a fetch or its code failed, or something could not be sent;
2 the call or a setting is wrong, and nothing was done.
"""

ENV_INTRO = """\
# Copy this file to .env and fill in the empty lines. Every command and Dagster read .env in the folder in which they
# are started. `make docs` writes this file from the code.
"""

# Runs as it stands where there is a lake (deltalake brings the SQL engine).
EXAMPLE = """\
from deltalake import DeltaTable, QueryBuilder

versions = DeltaTable(".metta_obs/lake/pull_requests")
known = QueryBuilder().register("versions", versions).execute(
    \"\"\"
    select * from (
        select *, row_number() over (partition by repo, number order by seen_at desc) as newest
        from versions where seen_at <= timestamp '2030-01-01T00:00:00Z'
    ) where newest = 1 and not deleted
    \"\"\"
)
"""


def documents() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    blocks = {"lineage": lineage(), "commands": commands_in_brief(), "settings": settings_table()}
    for mark, block in blocks.items():
        text = replaced(text, mark, block)
    return {
        readme: text,
        ROOT / ".env.sample": env_sample(),
        ROOT / "docs" / "CI_CD_METRICS.md": metrics_page(),
        ROOT / "docs" / "COMMANDS.md": commands_page(),
        ROOT / "docs" / "TABLES.md": tables_page(),
    }


def replaced(text: str, mark: str, block: str) -> str:
    """`text` with what stands between the marks of `mark` replaced; ValueError where it has no such marks."""
    start, end = f"<!-- generated: {mark} -->\n", f"<!-- end: {mark} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"the marks {start.strip()} and {end} must stand in the text once")
    return text[: text.index(start) + len(start)] + block + text[text.index(end) :]


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)


def lineage() -> str:
    """The graph from GitHub to Datadog as a Mermaid picture: pulls with their tables, groups of metrics, both ends."""
    lines = ["```mermaid", "flowchart LR", "    github([GitHub])", "    datadog([Datadog])"]
    for pull, tables in PULLS.items():
        lines.append(f"    github --> pull_{pull}[{'<br/>'.join(tables)}]")
    for group, title in GROUPS.items():
        metrics = [metric for metric in CATALOGUE.values() if metric.group == group]
        read = {table for metric in metrics for table in metric.tables}
        count = f"{len(metrics)} metric" + ("s" if len(metrics) > 1 else "")
        lines += [f"    pull_{pull} --> {group}" for pull, tables in PULLS.items() if read.intersection(tables)]
        lines += [f"    {group}({title}<br/>{count}) --> series[datadog/series]"]
    lines += ["    series --> datadog", "    jsonnet[/jsonnet/] --> dashboards[datadog/dashboards] --> datadog", "```"]
    return "".join(f"{line}\n" for line in lines)


def metrics_page() -> str:
    """The catalogue."""
    numbers = {key: str(number) for number, key in enumerate(NUMBERED, 1)}
    if set(numbers) != {key for key, metric in CATALOGUE.items() if not metric.extra}:
        raise ValueError("NUMBERED and the catalogue do not name the same metrics")
    extras = len(CATALOGUE) - len(NUMBERED)
    parts = [
        "# The metrics\n\n",
        GENERATED,
        METRICS_INTRO.format(metrics=len(NUMBERED), extras=extras, series=len(SERIES)),
        table(
            ("#", "key", "unit", "what"),
            *(
                (numbers.get(key, ""), f"[`{metric.name}`](#{anchor(metric)})", metric.unit, metric.title)
                for key, metric in sorted(CATALOGUE.items(), key=lambda item: int(numbers.get(item[0], len(CATALOGUE))))
            ),
        ),
        NO_POINT,
        table(("reason", "meaning"), *((f"`{reason}`", meaning) for reason, meaning in REASONS.items())),
    ]
    for group, title in GROUPS.items():
        parts.append(f"\n## {title}\n")
        parts += [section(metric, numbers.get(key)) for key, metric in CATALOGUE.items() if metric.group == group]
    return "".join(parts)


def anchor(metric: Metric) -> str:
    """The section of a metric within the page, as GitHub names it."""
    return re.sub(r"[^\w-]", "", metric.name)


def section(metric: Metric, number: str | None) -> str:
    """One metric."""
    window = f"{metric.reach.days} days before t" if metric.reach else "none: the state at t"
    facts = [
        f"- {metric.title}" + (f" (#{number})" if number else ""),
        f"- Window: {window}. Tables: {', '.join(f'`{name}`' for name in metric.tables)}.",
    ]
    if metric.link:
        facts.append(f"- To verify on GitHub: `{unquote_plus(metric.link)}` under the repository's address.")
    rows = [(f"`{series.name}`", series.unit, series.statistic) for series in metric.series]
    series_table = "\n" + table(("series", "unit", "statistic"), *rows) if len(rows) > 1 else ""
    statistic = "" if series_table else f" Unit: {metric.unit}; statistic: {metric.series[0].statistic}."
    lines = "\n".join(facts)
    return f"\n### {metric.name}\n\n{metric.definition}{statistic}\n\n{lines}\n{series_table}"


def tables_page() -> str:
    """The tables of the lake."""
    derived = [spec for spec in TABLES.values() if not spec.raw]
    intro = TABLES_INTRO.format(version=columns(VERSION), example=EXAMPLE)
    parts = ["# The tables of the lake\n\n", GENERATED, intro]
    parts += ["\n## Raw tables\n", *(described(spec) for spec in RAW_TABLES.values())]
    parts += ["\n## Coverage, points and deliveries\n", *(described(spec) for spec in derived)]
    return "".join(parts)


def described(spec: Table) -> str:
    """One table with its columns."""
    key = ", ".join(f"`{name}`" for name in ("repo", *spec.key))
    return f"\n### {spec.name}\n\n{spec.meaning}. Key: {key}.\n\n{columns(spec.columns)}"


def columns(given: tuple[Any, ...]) -> str:
    """Columns as a table."""
    rows = [(f"`{c.name}`", kind(c.type), c.meaning.removesuffix(" (UTC)")) for c in given]
    return table(("column", "type", "meaning"), *rows)


def kind(arrow: pa.DataType) -> str:
    """An Arrow type in words."""
    if pa.types.is_list(arrow):
        of = arrow.value_type
        if pa.types.is_struct(of):
            return "list of (" + ", ".join(f"{field.name} {kind(field.type)}" for field in of) + ")"
        return f"list of {kind(of)}"
    return "timestamp (UTC)" if pa.types.is_timestamp(arrow) else str(arrow)


def settings_table() -> str:
    """Settings with meaning and default."""
    rows = [(f"`{s.name}`", sentence(s), f"`{s.default}`" if s.default else "") for s in SETTINGS.values()]
    return table(("setting", "meaning", "default"), *rows)


def sentence(setting: Setting) -> str:
    """What a setting means, and where else its value may come from."""
    example = f", such as `{setting.example}`" if setting.example else ""
    elsewhere = f"; if not set, the secret `{setting.secret}` of AWS Secrets Manager" if setting.secret else ""
    return setting.meaning + example + elsewhere


def env_sample() -> str:
    """A `.env` to start from: what must be filled in is empty, what has a default is commented out."""
    parts = [ENV_INTRO]
    for setting in SETTINGS.values():
        comment = "".join(f"# {line}\n" for line in wrap(sentence(setting)[:1].upper() + sentence(setting)[1:], 110))
        if setting.default or not (setting.example or setting.secret):
            line = f"#{setting.name}={setting.default}\n"
        else:
            line = f"{setting.name}=\n"
        parts.append(comment + line)
    return "\n".join(parts)


def commands() -> list[tuple[list[str], Any]]:
    """Every command with the words that call it."""

    def under(command: Any, words: list[str]) -> list[tuple[list[str], Any]]:
        if not hasattr(command, "commands"):
            return [(words, command)]
        return [found for name, sub in command.commands.items() for found in under(sub, [*words, name])]

    return under(typer.main.get_command(app), ["metta"])


def commands_in_brief() -> str:
    """A table of the commands."""
    rows = [(f"`{' '.join([*words, *arguments(command)])}`", short(command)) for words, command in commands()]
    return table(("command", "what it does"), *rows)


def commands_page() -> str:
    """Every command with its options."""
    parts = ["# The commands\n\n", GENERATED, COMMANDS_INTRO]
    for words, command in commands():
        parts.append(f"\n## {' '.join([*words, *arguments(command)])}\n\n{short(command)}\n")
        rows = [
            (f"`{', '.join(p.opts)}`", (p.help or "") + (" Required." if p.required else "")) for p in command.params
        ]
        if rows:
            parts += ["\n", table(("argument", "meaning"), *rows)]
    return "".join(parts)


def arguments(command: Any) -> list[str]:
    """The arguments that a command cannot do without."""
    return [f"{p.opts[0]} …" if p.opts[0].startswith("-") else p.name.upper() for p in command.params if p.required]


def short(command: Any) -> str:
    """What a command does, on one line."""
    return " ".join(str(command.help or "").split())


def main(words: list[str]) -> int:
    """Write what is stale; with `--check` only name it, and return 1 where something is."""
    stale = [(path, text) for path, text in documents().items() if not path.exists() or path.read_text() != text]
    for path, text in stale:
        if "--check" in words:
            print(f"{path.relative_to(ROOT)} is stale: make docs writes it anew")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
