"""What the sandbox takes and answers fits the models of the pinned datadog-api-client, not our own idea of Datadog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.model_utils import validate_and_convert_types
from datadog_api_client.v1.model.authentication_validation_response import AuthenticationValidationResponse
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.dashboard_bulk_delete_request import DashboardBulkDeleteRequest
from datadog_api_client.v1.model.dashboard_delete_response import DashboardDeleteResponse
from datadog_api_client.v1.model.dashboard_list import DashboardList
from datadog_api_client.v1.model.dashboard_list_delete_response import DashboardListDeleteResponse
from datadog_api_client.v1.model.dashboard_list_list_response import DashboardListListResponse
from datadog_api_client.v1.model.dashboard_summary import DashboardSummary
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v1.model.event_create_response import EventCreateResponse
from datadog_api_client.v1.model.metric_metadata import MetricMetadata
from datadog_api_client.v1.model.metrics_list_response import MetricsListResponse
from datadog_api_client.v1.model.service_checks import ServiceChecks
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.dashboard_list_add_items_response import DashboardListAddItemsResponse
from datadog_api_client.v2.model.dashboard_list_delete_items_response import DashboardListDeleteItemsResponse
from datadog_api_client.v2.model.dashboard_list_items import DashboardListItems
from datadog_api_client.v2.model.dashboard_list_update_items_response import DashboardListUpdateItemsResponse
from datadog_api_client.v2.model.event_create_response_payload import EventCreateResponsePayload
from datadog_api_client.v2.model.intake_payload_accepted import IntakePayloadAccepted
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_series import MetricSeries
from datadog_api_client.v2.model.metrics_and_metric_tag_configurations_response import (
    MetricsAndMetricTagConfigurationsResponse,
)
from datadog_api_client.v2.model.validate_api_key_response import ValidateAPIKeyResponse
from datadog_api_client.v2.model.validate_v2_response import ValidateV2Response

from metta_obs.dashboards.check import build
from metta_obs.metrics.registry import SERIES
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.dashboards.examples import dashboard
from metta_obs_tests.datadog.servers import API_KEY, APP_KEY, NOON, SteppedClock, ask, client, datadog_server, points

STAMP = int(NOON.timestamp())
BOARDS = "/api/v1/dashboard"
LISTS = f"{BOARDS}/lists/manual"


@pytest.fixture
def server() -> Iterator[DatadogServer]:
    with datadog_server() as running:
        client(running, SteppedClock()).submit(points(2))
        yield running


def fits(value: Any, model: Any) -> None:
    """The client turns `value` into the model without a complaint and without a part that it does not know."""
    parsed = validate_and_convert_types(value, (model,), ["value"], True, True, configuration=Configuration())
    assert not getattr(parsed, "_unparsed", False), value
    assert isinstance(parsed, model)


def test_what_we_send_fits(server: DatadogServer) -> None:
    fits(server.submissions[0].body, MetricPayload)
    for one in build("test", SERIES):
        fits(one.dashboard, Dashboard)


@pytest.mark.parametrize(
    ("method", "path", "body", "sent", "status", "answered"),
    [
        ("POST", "/api/v2/series", {"series": []}, MetricPayload, 202, IntakePayloadAccepted),
        ("GET", "/api/v2/metrics", None, None, 200, MetricsAndMetricTagConfigurationsResponse),
        ("GET", f"/api/v1/metrics?from={STAMP - 60}", None, None, 200, MetricsListResponse),
        ("GET", "/api/v1/metrics/github.test.m1", None, None, 200, MetricMetadata),
        ("PUT", "/api/v1/metrics/github.test.m1", {"unit": "hour"}, MetricMetadata, 200, MetricMetadata),
        ("GET", "/api/v1/validate", None, None, 200, AuthenticationValidationResponse),
        ("GET", "/api/v2/validate", None, None, 200, ValidateV2Response),
        ("GET", "/api/v2/validate_keys", None, None, 200, ValidateAPIKeyResponse),
        ("POST", "/api/v1/events", {"title": "t", "text": "x"}, EventCreateRequest, 202, EventCreateResponse),
        (
            "POST",
            "/api/v2/events",
            {"data": {"type": "event", "attributes": {"title": "t", "category": "change", "attributes": {}}}},
            None,
            202,
            EventCreateResponsePayload,
        ),
    ],
)
def test_requests_and_answers_fit(
    server: DatadogServer, method: str, path: str, body: Any, sent: Any, status: int, answered: Any
) -> None:
    if sent is not None:
        fits(body, sent)
    answer = ask(server, method, path, body)
    assert answer.status == status, answer.body
    fits(answer.body, answered)


def test_check_runs_fit(server: DatadogServer) -> None:
    checks = [{"check": "metta_obs.run", "host_name": "h", "status": 0, "tags": ["env:test"]}]
    fits(checks, ServiceChecks)
    assert ask(server, "POST", "/api/v1/check_run", checks).body == {"status": "ok"}
    assert server.intake.checks == checks


def test_dashboards_fit_from_creation_to_deletion(server: DatadogServer) -> None:
    board = dashboard(template_variable_presets=[{"name": "p", "template_variables": [{"name": "repo"}]}])
    created = ask(server, "POST", BOARDS, board).body
    fits(created, Dashboard)
    key = created["id"]
    fits(ask(server, "GET", f"{BOARDS}/{key}").body, Dashboard)
    fits(ask(server, "PUT", f"{BOARDS}/{key}", board).body, Dashboard)
    fits(ask(server, "GET", BOARDS).body, DashboardSummary)
    fits(ask(server, "DELETE", f"{BOARDS}/{key}").body, DashboardDeleteResponse)
    fits(ask(server, "GET", f"{BOARDS}?filter[deleted]=true").body, DashboardSummary)
    many = {"data": [{"id": key, "type": "dashboard"}]}
    fits(many, DashboardBulkDeleteRequest)
    assert [ask(server, method, BOARDS, many).status for method in ("PATCH", "DELETE")] == [204, 204]


def test_lists_of_dashboards_fit(server: DatadogServer) -> None:
    made = ask(server, "POST", LISTS, {"name": "Ours"}).body
    fits(made, DashboardList)
    fits(ask(server, "GET", LISTS).body, DashboardListListResponse)
    fits(ask(server, "PUT", f"{LISTS}/{made['id']}", {"name": "Renamed"}).body, DashboardList)
    fits(ask(server, "GET", f"{LISTS}/{made['id']}").body, DashboardList)
    members = f"/api/v2/dashboard/lists/manual/{made['id']}/dashboards"
    one = {"dashboards": [{"id": "abc-def-ghi", "type": "custom_timeboard"}]}
    fits(ask(server, "POST", members, one).body, DashboardListAddItemsResponse)
    fits(ask(server, "GET", members).body, DashboardListItems)
    fits(ask(server, "PUT", members, one).body, DashboardListUpdateItemsResponse)
    fits(ask(server, "DELETE", members, one).body, DashboardListDeleteItemsResponse)
    fits(ask(server, "DELETE", f"{LISTS}/{made['id']}").body, DashboardListDeleteResponse)


def test_the_clients_own_models_can_be_sent(server: DatadogServer) -> None:
    """Not only our plain dictionaries: what a user of the client would write arrives just so."""
    keys = {"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY}
    configuration = Configuration(host=server.url, api_key=keys)
    series = MetricSeries(
        metric="custom.app", type=MetricIntakeType.GAUGE, points=[MetricPoint(timestamp=STAMP, value=1.5)], tags=["A:B"]
    )
    for encoding in (MetricContentEncoding.GZIP, MetricContentEncoding.DEFLATE, MetricContentEncoding.ZSTD1):
        MetricsApi(ApiClient(configuration)).submit_metrics(MetricPayload(series=[series]), content_encoding=encoding)
    MetricsApi(ApiClient(configuration)).submit_metrics(MetricPayload(series=[series]))
    assert [one.encoding for one in server.submissions[1:]] == ["gzip", "deflate", "zstd1", "identity"]
    assert server.series[("custom.app", ("a:b",), STAMP)] == 1.5
