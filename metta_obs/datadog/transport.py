"""One request to Datadog: where it goes, how often it is tried, and what each failure means for a person.

Here: the client's configuration, bounded retries, errors with a remedy. Not here: what is asked (`client`).
The client's own retry is off: it sleeps by the machine's clock, repeats what must not be repeated (creating a
dashboard whose answer was lost) and waits as long as Datadog says, without bounds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import urllib3
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from metta_obs.clock import Clock
from metta_obs.datadog.series import Point

SECRET_LENGTH = 8  # a shorter "key" is a placeholder; hiding it would only garble the message
LONGEST_WAIT = 60.0  # seconds: a longer rate-limit pause is left to the next run
BACKOFF = (1.0, 2.0, 4.0, 8.0)  # seconds before the second, third, … try
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 508, 509, 510, 511, 520, 521, 522, 523, 524})


class DatadogError(Exception):
    """Datadog did not do what we asked.

    `detail` says what, why and what to do about it, without secrets; `status` is the HTTP status (None: no answer);
    `transient`: the same request may succeed later; `uncertain`: it may have been carried out all the same;
    `accepted`: the points of the same call that Datadog took before or beside this failure.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        transient: bool = False,
        uncertain: bool = False,
        wait: float | None = None,
        accepted: Sequence[Point] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.transient = transient
        self.uncertain = uncertain
        self.wait = wait
        self.accepted = list(accepted)


class Transport:
    """Sends requests through datadog-api-client to one Datadog site (or the address that stands in for it).

    `name` is what deliveries are recorded under: the site, or the address without user and password.
    """

    def __init__(
        self,
        *,
        api_key: str,
        app_key: str | None,
        site: str,
        url: str | None,
        clock: Clock,
        attempts: int,
        timeout: tuple[float, float],
    ) -> None:
        if url and not re.match(r"https?://[^/]", url):
            raise DatadogError(f"DD_URL is {_without_user(url)!r}, which is no address such as https://api.example.com")
        api_key, app_key = _key("DD_API_KEY", api_key), _key("DD_APP_KEY", app_key or "")
        configuration = Configuration(
            host=url.rstrip("/") if url else None,
            check_input_type=False,  # bodies are sent byte for byte as we made (and measured) them
            preload_content=False,  # and answers are read as JSON: models drop what they do not know
            request_timeout=timeout,
            retry_policy=urllib3.Retry(total=False),
            is_iac=True,
        )
        # Configuration reads DD_SITE and the keys from the environment by itself; ours are the only ones that count.
        configuration.server_variables = {"site": site}
        configuration.api_key = {"apiKeyAuth": api_key} | ({"appKeyAuth": app_key} if app_key else {})
        try:
            self.address = _without_user(configuration.host)
        except ValueError as error:
            sites = configuration.get_host_settings()[0]["variables"]["site"]["enum_values"]
            detail = f"DD_SITE is {site!r}, which is no Datadog site; there are {', '.join(dict.fromkeys(sites))}"
            raise DatadogError(detail) from error
        self.name = self.address if url else site
        # datadoghq.com and datadoghq.eu live under app.; us3.datadoghq.com and its like are addresses themselves.
        self.web = self.address if url else f"https://{'app.' if site.count('.') == 1 else ''}{site}"
        self.client = ApiClient(configuration)
        self.clock = clock
        self._attempts = attempts
        self._secrets = [key for key in (api_key, app_key) if len(key) >= SECRET_LENGTH]

    def request(self, what: str, send: Callable[[], Any], *, keys: str, repeat: bool = True) -> Any:
        """Run `send` (a call of the client) and return its answer's JSON (None where it is empty).

        `what` names the request in errors, `keys` the settings that a refusal (403) is about. Transient failures are
        tried again within bounds; with `repeat=False` only those after which nothing can have happened (429).
        Raises DatadogError.
        """

        def again(error: BaseException) -> bool:
            return isinstance(error, DatadogError) and error.transient and (repeat or not error.uncertain)

        retrying = Retrying(
            retry=retry_if_exception(again),
            stop=stop_after_attempt(self._attempts),
            wait=_pause,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return retrying(self._once, what, send, keys)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _once(self, what: str, send: Callable[[], Any], keys: str) -> Any:
        try:
            answer = send()
            body = answer.data  # read here, so that a connection cut in the middle is handled like any other
        except ApiException as error:
            raise self._refused(what, error, keys) from error
        except UnicodeDecodeError as error:  # the client decodes the body of an error without looking at it
            raise self._no_json(what, None) from error
        except urllib3.exceptions.HTTPError as error:
            detail = f"{what}: no answer from {self.address} ({_one_line(error)})"
            detail += "; check DD_SITE, DD_URL and the network"
            happened = not isinstance(error, urllib3.exceptions.NewConnectionError)
            raise DatadogError(self._clean(detail), transient=True, uncertain=happened) from error
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise self._no_json(what, answer.status) from error

    def _no_json(self, what: str, status: int | None) -> DatadogError:
        detail = f"{what}: {self.address} answered {status or 'an error'} with what is no JSON; is it Datadog?"
        return DatadogError(self._clean(detail), status=status, transient=True, uncertain=True)

    def _refused(self, what: str, error: ApiException, keys: str) -> DatadogError:
        if not error.status:  # how the client reports trouble with TLS
            detail = f"{what}: no secure connection to {self.address} ({_one_line(error.reason)})"
            return DatadogError(self._clean(f"{detail}; check DD_URL and the certificates"))
        status: int = error.status
        said = f"{what}: {self.address} answered {error.status} {error.reason or ''}".rstrip() + _said(error.body)
        wait = _reset(error.headers or {}) if status == 429 else None
        if status == 429 and wait is not None and wait > LONGEST_WAIT:
            detail = f"{said}; it asks for a pause of {wait:.0f} s, which is left to the next run"
            return DatadogError(self._clean(detail), status=status)
        remedy = {
            400: "the request itself is wrong, sending it again will not help",
            401: f"check {keys}",
            403: f"check {keys}: keys work only on their own site ({self.name}), application keys need permissions",
            404: "it does not exist (any more), or the address is not Datadog's; check DD_SITE and DD_URL",
            413: "the payload is too large",
            429: "the rate limit is used up",
        }.get(status, "check DD_SITE and DD_URL" if status < 500 else "Datadog has trouble; the next run tries again")
        return DatadogError(
            self._clean(f"{said}; {remedy}"),
            status=status,
            transient=status in TRANSIENT,
            uncertain=status in TRANSIENT and status != 429,
            wait=wait,
        )

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _key(setting: str, value: str) -> str:
    """A key without white space around it. One with a line break in it would be printed whole by http.client."""
    value = value.strip()
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise DatadogError(f"{setting} holds characters that no key has, such as a line break or a space")
    return value


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, DatadogError) and error.wait is not None:
        return error.wait
    return BACKOFF[min(state.attempt_number, len(BACKOFF)) - 1]


def _reset(headers: dict[str, str]) -> float | None:
    """Seconds until the rate limit is reset, None where Datadog does not say."""
    for name, value in headers.items():
        if name.lower() == "x-ratelimit-reset" and value.strip().isdigit():
            return float(value)
    return None


def _said(body: Any) -> str:
    errors = body.get("errors", body) if isinstance(body, dict) else body
    if isinstance(errors, list):
        errors = "; ".join(error if isinstance(error, str) else json.dumps(error) for error in errors)
    return f": {_one_line(errors)}" if errors else ""


def _one_line(thing: object) -> str:
    text = " ".join(str(thing).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
