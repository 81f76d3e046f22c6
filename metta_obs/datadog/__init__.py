"""From metric points to Datadog.

Here: points as series and Datadog's rules for them (`series`), requests and what can go wrong with them (`transport`),
what we ask of Datadog (`client`), which points are still to be sent (`delivery`). Not here: how a metric is computed
(`metta_obs.metrics`), how dashboards are made (`metta_obs.dashboards`), Dagster.
"""
