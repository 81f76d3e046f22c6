"""Who is a person, and which accounts, e-mails and names are the same one (METRICS.md: human, developer identity)."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

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
    """`commits` with `developer` (identity) and `human`, from the author's account, e-mail and name.

    Needs author_login, author_email, author_name; author_id and author_type are used where the frame has them.
    Identity: the linked account by id; else the account in a noreply e-mail, by id or, where it bears none, by login
    (matched with the logins of linked accounts in the same frame); else the e-mail in lower case; else the name.
    """
    mail = noreply_login(commits["author_email"])
    login = commits["author_login"].astype("object").where(commits["author_login"].notna(), mail["login"]).str.lower()
    linked = (
        commits["author_id"].astype("object")
        if "author_id" in commits
        else pd.Series(None, commits.index, dtype=object)
    )
    by_mail = pd.to_numeric(mail["id"]).astype("Int64").astype("object")
    account = linked.where(linked.notna(), by_mail.where(commits["author_login"].isna()))
    logins = pd.DataFrame({"login": login, "id": account}).dropna().drop_duplicates("login").set_index("login")["id"]
    account = account.where(account.notna(), login.map(logins))
    identity = "account " + account.astype(str)
    identity = identity.where(account.notna(), "login " + login.astype(str))
    email = commits["author_email"].astype("object").where(commits["author_email"].notna(), "").str.strip().str.lower()
    identity = identity.where(login.notna() | account.notna(), "email " + email)
    identity = identity.where(
        login.notna() | account.notna() | email.ne(""), "name " + commits["author_name"].astype(str)
    )
    kind = commits.get("author_type")
    return commits.assign(developer=identity, human=is_human(login, kind, bots))
