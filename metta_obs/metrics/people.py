"""Who is a person, and which accounts, e-mails and names are the same one (METRICS.md: human, developer identity)."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from metta_obs.metrics.spans import meet, minus, stretches

GHOST = "ghost"
NOREPLY = re.compile(r"^(?:(?P<id>\d+)\+)?(?P<login>[^@+]+)@users\.noreply\.(?:github\.com|.+)$", re.IGNORECASE)


def person(login: pd.Series) -> pd.Series:
    """One key per account on pull requests: the login in lower case; all deleted accounts are one."""
    return login.astype("object").where(login.notna(), GHOST).str.lower().str.removesuffix("[bot]")


def is_human(login: pd.Series, kind: pd.Series | None, bots: Collection[str]) -> pd.Series:
    """Not a bot by its account's type, by the `[bot]` that ends its login, or by the configured list."""
    text = login.astype("object").where(login.notna(), "").str.lower()
    listed = text.str.removesuffix("[bot]").isin({bot.lower().removesuffix("[bot]") for bot in bots})
    human = ~text.str.endswith("[bot]") & ~listed
    return human if kind is None else human & ~kind.fillna("").eq("Bot")


def noreply_login(email: pd.Series) -> pd.DataFrame:
    """Account id and login that GitHub's noreply e-mail form bears (columns `id`, `login`; null elsewhere)."""
    return email.astype("object").where(email.notna(), "").str.extract(NOREPLY)


def commit_author(commits: pd.DataFrame, bots: Collection[str]) -> pd.DataFrame:
    """`commits` with `login` and `account` (id) of their authors, and `human`.

    Needs author_login and author_email; author_id and author_type are used where the frame has them. A commit without
    a linked account has those that a noreply e-mail bears.
    """
    mail = noreply_login(commits["author_email"])
    linked = commits["author_login"].notna()
    login = commits["author_login"].astype("object").where(linked, mail["login"]).str.lower()
    account = pd.to_numeric(mail["id"]).astype("Int64").astype("object").where(~linked)
    if "author_id" in commits:
        account = commits["author_id"].astype("object").where(commits["author_id"].notna(), account)
    return commits.assign(login=login, account=account, human=is_human(login, commits.get("author_type"), bots))


def developers(commits: pd.DataFrame, bots: Collection[str]) -> pd.DataFrame:
    """The commits by humans, a span frame, with `developer`: the identity of the author.

    That is the account, by id; where only a login is known, the id that other commits which count at the same instants
    give it, else the login; without either the e-mail in lower case, else the name.
    """
    rows = commit_author(commits, bots)
    rows = rows[rows["human"]]
    email = rows["author_email"].astype("object").where(rows["author_email"].notna(), "").str.strip().str.lower()
    identity = ("email " + email).where(email.ne(""), "name " + rows["author_name"].astype(str))
    identity = identity.where(rows["login"].isna(), "login " + rows["login"].astype(str))
    identity = identity.where(rows["account"].isna(), "account " + rows["account"].astype(str))
    rows = rows.assign(developer=identity)
    loose = rows["account"].isna() & rows["login"].notna()
    known = rows.loc[rows["account"].notna() & rows["login"].notna(), ["login", "developer", "lo", "hi"]]
    accounts = (
        stretches(known, "login").groupby(["login", "lo", "hi"], as_index=False).agg(developer=("developer", "min"))
    )
    named = meet(rows[loose].drop(columns="developer"), accounts, "login")
    return pd.concat([rows[~loose], named, minus(rows[loose], accounts, "login")], ignore_index=True)
