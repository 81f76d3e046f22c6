"""Settings: where each comes from, and that what is wrong with one is said in a line that names it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from metta_obs.settings import SETTINGS, Settings, SettingsError


@pytest.fixture(autouse=True)
def away_from_home(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer, no setting of the machine, no real AWS."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """AWS Secrets Manager as moto serves it over a socket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
    yield boto3.client("secretsmanager", region_name="us-east-1")
    server.stop()


def test_a_secret_in_the_environment_beats_the_one_in_aws(aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.create_secret(Name="github/dashboard-token", SecretString="from-aws")
    monkeypatch.setenv("GITHUB_TOKEN", "from-environment")
    settings = Settings.load()
    assert settings.github_token == "from-environment"
    assert settings.source("GITHUB_TOKEN") == "environment"


def test_secrets_that_are_not_in_the_environment_come_from_aws(aws) -> None:
    names = {"GITHUB_TOKEN": "github/dashboard-token", "DD_API_KEY": "datadog/api-key", "DD_APP_KEY": "datadog/app-key"}
    for secret in names.values():
        aws.create_secret(Name=secret, SecretString=f"value of {secret}")
    settings = Settings.load()
    for variable, secret in names.items():
        assert settings.secret(variable) == f"value of {secret}"
        assert settings.source(variable) == f"AWS Secrets Manager {secret}"


def test_a_missing_token_is_named_with_the_remedy(aws) -> None:
    with pytest.raises(SettingsError, match=r"GITHUB_TOKEN is not set: .*\.env.*github/dashboard-token"):
        Settings.load().github_token  # noqa: B018


def test_a_machine_without_aws_is_no_error() -> None:
    assert Settings.load().secret("DD_API_KEY") is None
    assert Settings.load().source("DD_API_KEY") == "not set"


def test_env_file_is_read_and_the_environment_beats_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("DD_ENV=from-file\nDD_SITE=datadoghq.eu\n")
    monkeypatch.setenv("DD_ENV", "from-environment")
    settings = Settings.load()
    assert (settings.get("DD_ENV"), settings.get("DD_SITE")) == ("from-environment", "datadoghq.eu")


def test_no_secret_is_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "do-not-print-me")
    settings = Settings.load()
    settings.secret("GITHUB_TOKEN")
    assert "do-not-print-me" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("METTA_OBS_REPOS", "", lambda s: s.repos),
        ("METTA_OBS_REPOS", "no-slash", lambda s: s.repos),
        ("METTA_OBS_REPOS", "a/b/c", lambda s: s.repos),
        ("METTA_OBS_REPOS", "https://github.com/a", lambda s: s.repos),
        ("METTA_OBS_LOOKBACK_DAYS", "many", lambda s: s.lookback_days),
        ("METTA_OBS_LOOKBACK_DAYS", "0", lambda s: s.lookback_days),
        ("METTA_OBS_SCHEDULE", "yes", lambda s: s.schedule_on),
        ("GITHUB_API_URL", "api.github.com", lambda s: s.github_url),
        ("DD_URL", "localhost:80", lambda s: s.datadog_site),
    ],
)
def test_an_unusable_setting_is_named(name: str, value: str, read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        read(Settings.load())


def test_repositories_keep_their_spelling_and_are_told_apart_without_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METTA_OBS_REPOS", "Acme/Rockets, acme/launchpad,ACME/rockets")
    assert list(Settings.load().repos) == ["acme/rockets", "acme/launchpad"]


def test_pages_of_an_enterprise_server_belong_to_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().github_web == "https://github.com"
    monkeypatch.setenv("GITHUB_API_URL", "https://git.example.com/api/v3/")
    assert Settings.load().github_web == "https://git.example.com"
