"""GitHub engineering health in Datadog, as a Dagster asset graph."""
