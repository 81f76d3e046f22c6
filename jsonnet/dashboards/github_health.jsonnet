// The one page about a repository's health: what needs attention now, then the story behind each number.
local branches = import '../components/branches.libsonnet';
local ci = import '../components/ci_cd.libsonnet';
local code = import '../components/commits_and_code.libsonnet';
local developers = import '../components/developers.libsonnet';
local pulls = import '../components/pull_requests.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local layout = import '../lib/layout.libsonnet';
local widgets = import '../lib/widgets.libsonnet';

local note(text) = layout.row([widgets.note.new(text)], 1);

dashboard.new(
  'GitHub health',
  'Pull requests, CI/CD, commits, developers and branches of our repositories, every 15 minutes.',
  [
    layout.section('At a glance', [
      note(|||
        **Is anything wrong now?** Each number is the latest; red asks for somebody today (default branch: 1 passes,
        0 does not). With several repositories chosen above, counts are added up and everything else shows the worst of
        them. A gap is never zero: there was nothing to measure, too little of it, or GitHub could not be read.
      |||),
      layout.row([
        ci.passing,
        ci.successRate,
        pulls.stale,
        pulls.timeToFirstReview,
        pulls.cycleTime,
        code.direct,
      ], 2),
    ], 'vivid_purple'),

    layout.section('Pull requests: flow', [
      note(|||
        **Does work get through?** The backlog should not grow while merges stay level. Stale ones wait for a human:
        merge, close or revive them.
      |||),
      layout.split([pulls.open, pulls.merged, pulls.closedWithoutMerge, pulls.openByRepository], [2, 2, 2, 6], 2),
      layout.row([pulls.backlogOverTime, pulls.flowOverTime], 3),
    ]),

    layout.section('Pull requests: speed and review', [
      note(|||
        **How long does a change wait, and does somebody read it?** PRs by humans, last 7 days. The mean follows a few
        slow ones; p50 is the usual case, p90 and p99 the pain (they need at least 10 and 100 cases).
      |||),
      layout.row([pulls.timeToMerge, pulls.reviewed, pulls.comments], 2),
      layout.row([pulls.timeToMergeOverTime, pulls.cycleTimeOverTime, pulls.timeToFirstReviewOverTime], 3),
      layout.row([pulls.reviewedOverTime, pulls.commentsOverTime], 3),
    ]),

    layout.section('CI/CD', [
      note(|||
        **Can we trust and afford the pipeline?** Runs of the last 7 days. Flaky runs failed and passed on a re-run
        without a change. Durations are per attempt, queueing left out.
      |||),
      layout.row([ci.runs, ci.failed, ci.flaky, ci.duration], 2),
      layout.row([ci.passingOverTime, ci.successRateOverTime], 3),
      layout.row([ci.runsOverTime, ci.durationOverTime], 3),
    ], 'vivid_green'),

    layout.section('Commits and code', [
      note(|||
        **What reaches the default branch, and what has to be repaired?** Last 7 days, merge commits left out. A few
        large commits make most of the lines, so read them as weather, not as output.
      |||),
      layout.row([code.total, code.hotfixes, code.reverts, code.files], 2),
      layout.row([code.commitsOverTime, code.repairsOverTime], 3),
      layout.row([code.linesOverTime, code.filesOverTime], 3),
    ], 'vivid_orange'),

    layout.section('Developers and branches', [
      note(|||
        **Who is at work, and what lies around?** Authors of the commits above, bots left out; somebody who commits to
        two repositories counts in each. Branches that are not active (no commit for 14 days) can mostly be deleted.
      |||),
      layout.row([developers.active, developers.commitsPerDeveloper, branches.active, branches.total], 2),
      layout.row([developers.activeOverTime, developers.commitsPerDeveloperOverTime, branches.overTime], 3),
    ], 'gray'),
  ],
)
+ dashboard.timeframe(1, 'week')
