"""The GraphQL documents beside the code, by name: all that the collector asks of GraphQL.

Here: reading them, and repeating a field for things that GraphQL finds only one at a time.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


@cache
def document(name: str) -> str:
    """The text of `name`.graphql."""
    return files("metta_obs.github").joinpath(f"{name}.graphql").read_text(encoding="utf-8")


@cache
def repeated(name: str, count: int) -> str:
    """`name`.graphql with its field whose alias ends in 0, and the variable that ends in 0, repeated `count` times."""
    text = document(name)
    field = re.search(r"^( *)(\w+)0: .*?^\1}\n", text, re.DOTALL | re.MULTILINE)
    variable = re.search(r"(\$\w+)0: ([\w!\[\]]+)", text)
    if field is None or variable is None:
        raise ValueError(f"{name}.graphql has nothing to repeat")
    alias, argument = field[2], re.escape(variable[1])
    fields = [re.sub(rf"({alias}|{argument})0\b", rf"\g<1>{index}", field[0]) for index in range(count)]
    variables = ", ".join(f"{variable[1]}{index}: {variable[2]}" for index in range(count))
    return text.replace(field[0], "".join(fields)).replace(variable[0], variables, 1)
