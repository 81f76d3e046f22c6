"""Every setting: an environment variable (or a line of `.env`) with its meaning and default, and secrets from AWS.

`.env.sample` and the documents' table are generated from `SETTINGS`. Nothing is read at import, and no secret is ever
printed: only where it comes from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from dotenv import dotenv_values

from metta_obs.metrics.catalogue import Options


@dataclass(frozen=True)
class Setting:
    """One setting. `secret`: its name in AWS Secrets Manager, where it is looked up when the variable is not set."""

    name: str
    meaning: str
    default: str = ""
    secret: str = ""
    example: str = ""


SETTINGS: dict[str, Setting] = {
    s.name: s
    for s in (
        Setting("METTA_OBS_REPOS", "repositories, comma-separated `owner/name`", example="acme/rockets,acme/launchpad"),
        Setting("GITHUB_TOKEN", "GitHub token (read access)", secret="github/dashboard-token"),
        Setting(
            "GITHUB_API_URL",
            "GitHub's API: github.com's, or `https://HOST/api/v3` of an Enterprise Server",
            "https://api.github.com",
        ),
        Setting("DD_API_KEY", "Datadog API key; without it everything but sending works", secret="datadog/api-key"),
        Setting("DD_APP_KEY", "Datadog application key, for dashboards", secret="datadog/app-key"),
        Setting("DD_SITE", "Datadog site", "datadoghq.com"),
        Setting("DD_URL", "address that replaces the one DD_SITE implies, such as a proxy's"),
        Setting("DD_ENV", "the `env:` tag of every point, and whose dashboards are pushed", "development"),
        Setting("METTA_OBS_LAKE", "where the tables are kept: a folder or `s3://bucket/prefix`", ".metta_obs/lake"),
        Setting("METTA_OBS_LOOKBACK_DAYS", "how many days before its instant the first pull reaches back", "30"),
        Setting("METTA_OBS_SCHEDULE", "`on` starts the schedule by itself", "off"),
        Setting("METTA_OBS_BOTS", "further logins to treat as bots, comma-separated"),
        Setting(
            "METTA_OBS_REQUIRED_WORKFLOWS",
            "names of the workflows that `github.ci.tests_passing_on_main` requires, comma-separated; "
            "by default every active one with a push run on the default branch",
        ),
        Setting("AWS_REGION", "region of AWS Secrets Manager", "us-east-1"),
    )
}


class SettingsError(Exception):
    """A setting is missing or unusable; the message names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. `values`: what the environment and `.env` say, by name; `said_by`: which of them."""

    values: Mapping[str, str] = field(repr=False)
    said_by: Mapping[str, str] = field(default_factory=dict, repr=False)
    _secrets: dict[str, tuple[str | None, str]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, overrides: Mapping[str, str] | None = None) -> Settings:
        """From the environment, over the lines of `.env` in the working folder; `overrides` beat both."""
        from_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
        said_by = {**dict.fromkeys(from_file, ".env"), **dict.fromkeys(os.environ, "environment")}
        return cls({**from_file, **os.environ, **(overrides or {})}, said_by)

    def get(self, name: str) -> str:
        """The value of a setting that is no secret, or its default."""
        return self.values.get(name, "").strip() or SETTINGS[name].default

    def secret(self, name: str) -> str | None:
        """The value of a secret, from the environment or else from AWS Secrets Manager; None where neither has it."""
        value = self.values.get(name, "").strip()
        if value:
            return value
        return self._looked_up(name)[0]

    def source(self, name: str) -> str:
        """Where a setting's value comes from, in words: never the value of a secret."""
        if self.values.get(name, "").strip():
            return self.said_by.get(name, "command line")
        if SETTINGS[name].secret:
            return self._looked_up(name)[1]
        return "default" if SETTINGS[name].default else "not set"

    @cached_property
    def repos(self) -> dict[str, str]:
        """The repositories as configured, by their lower-case name; SettingsError where none or a name is malformed."""
        names = _listed(self.get("METTA_OBS_REPOS"))
        if not names:
            raise SettingsError("METTA_OBS_REPOS is not set: name the repositories, such as METTA_OBS_REPOS=owner/name")
        for name in names:
            if name.count("/") != 1 or not all(name.split("/")) or " " in name:
                raise SettingsError(f"METTA_OBS_REPOS: '{name}' is no repository: write owner/name")
        return {name.lower(): name for name in names}

    @property
    def github_url(self) -> str:
        """GitHub's REST address, without a slash at the end."""
        return self._address("GITHUB_API_URL")

    @property
    def github_web(self) -> str:
        """The address of GitHub's pages that belongs to the API's."""
        if self.github_url == SETTINGS["GITHUB_API_URL"].default:
            return "https://github.com"
        return self.github_url.removesuffix("/api/v3")

    @property
    def github_token(self) -> str:
        """The GitHub token; SettingsError where there is none."""
        token = self.secret("GITHUB_TOKEN")
        if token is None:
            raise SettingsError(
                f"GITHUB_TOKEN is {self.source('GITHUB_TOKEN')}: put one that may read into .env or the environment, "
                "or store one in AWS Secrets Manager as github/dashboard-token"
            )
        return token

    @property
    def datadog_site(self) -> str:
        """What the deliveries are recorded under: the address in DD_URL, or the site."""
        return self._address("DD_URL") if self.get("DD_URL") else self.get("DD_SITE")

    @property
    def lookback_days(self) -> int:
        """How many days before its instant the first pull reaches back."""
        text = self.get("METTA_OBS_LOOKBACK_DAYS")
        if not text.isdigit() or not 1 <= int(text) <= 3650:
            raise SettingsError(f"METTA_OBS_LOOKBACK_DAYS: '{text}' is no number of days from 1 to 3650")
        return int(text)

    @property
    def schedule_on(self) -> bool:
        """Whether the schedule starts by itself."""
        text = self.get("METTA_OBS_SCHEDULE").lower()
        if text not in ("on", "off"):
            raise SettingsError(f"METTA_OBS_SCHEDULE: '{text}' is neither on nor off")
        return text == "on"

    @property
    def options(self) -> Options:
        """The settings that the metrics' definitions depend on."""
        return Options(
            frozenset(_listed(self.get("METTA_OBS_BOTS"))), tuple(_listed(self.get("METTA_OBS_REQUIRED_WORKFLOWS")))
        )

    def _address(self, name: str) -> str:
        text = self.get(name).rstrip("/")
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SettingsError(f"{name}: '{text}' is no address: write one that begins https:// or http://")
        return text

    def _looked_up(self, name: str) -> tuple[str | None, str]:
        """A secret as AWS Secrets Manager has it, and where it comes from in words; asked once per process."""
        if name not in self._secrets:
            self._secrets[name] = _from_aws(SETTINGS[name].secret, self.get("AWS_REGION"))
        return self._secrets[name]


def _from_aws(secret: str, region: str) -> tuple[str | None, str]:
    """A secret's text and its origin in words; no text without such a secret, permission or AWS."""
    limits = Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 2})
    try:
        client = boto3.client("secretsmanager", region_name=region, config=limits)
        text = str(client.get_secret_value(SecretId=secret).get("SecretString") or "").strip()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return None, "not set" if code == "ResourceNotFoundException" else f"not set (AWS refused {secret}: {code})"
    except BotoCoreError:  # no credentials, or no way to AWS: this machine does not use it
        return None, "not set"
    return (text, f"AWS Secrets Manager {secret}") if text else (None, f"not set (AWS has {secret}, but empty)")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
