"""Who may come in over HTTP: `lrsweep token`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from service.cli.options import Json, StoreUrl
from service.cli.output import notes, print_json, results
from service.opened import open_here
from service.records import Scope, TokenRecord

app = typer.Typer(help="Make, list and revoke the HTTP API's bearer tokens.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")]
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@app.command()
def create(
    name: Name,
    scope: Annotated[
        Scope, typer.Option(help="read: look at everything; submit: also sweeps of one's own; admin: change any sweep.")
    ] = Scope.READ,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="End after so long: 12h, 30d. [default: never]")
    ] = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    from sweeps.errors import UserError

    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' is no name for a token; allowed are up to 64 letters, digits and . _ - @")
    with open_here(store) as opened:
        secret = opened.create_token(name, scope, lifetime=_lifetime(expires))
    if json:
        print_json({"name": name, "scope": scope.value, "token": secret})
        return
    print(secret)
    notes().print(
        f"this is shown once: keep it, and send it as LRSWEEP_TOKEN or `Authorization: Bearer` (scope {scope})"
    )


@app.command("list")
def list_tokens(store: StoreUrl = None, json: Json = False) -> None:
    """List the tokens, without what opens the door."""
    from rich.table import Table

    with open_here(store) as opened:
        tokens = opened.tokens()
    if json:
        print_json([_document(token) for token in tokens])
        return
    table = Table("name", "scope", "created (UTC)", "expires (UTC)", "valid")
    for token in tokens:
        valid = "yes" if token.valid(datetime.now(UTC)) else "revoked" if token.revoked else "expired"
        expires = f"{token.expires:%Y-%m-%d %H:%M}" if token.expires else "never"
        table.add_row(token.name, token.scope.value, f"{token.created:%Y-%m-%d %H:%M}", expires, valid)
    results().print(table)


@app.command()
def revoke(name: Name, store: StoreUrl = None, json: Json = False) -> None:
    """Shut a token out from now on."""
    with open_here(store) as opened:
        token = opened.revoke_token(name)
    if json:
        print_json(_document(token))
    else:
        notes().print(f"token '{name}' opens nothing any more")


def _lifetime(text: str | None) -> timedelta | None:
    """How long a token lives.

    >>> _lifetime("30d")
    datetime.timedelta(days=30)
    """
    from sweeps.errors import UserError

    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})([hd])", text)
    if not found:
        raise UserError(f"--expires takes hours or days, such as 12h or 30d, got '{text}'")
    return int(found[1]) * _UNITS[found[2]]


def _document(token: TokenRecord) -> dict[str, object]:
    return {
        "name": token.name,
        "scope": token.scope.value,
        "created": token.created.isoformat(),
        "expires": token.expires.isoformat() if token.expires else None,
        "revoked": token.revoked.isoformat() if token.revoked else None,
        "valid": token.valid(datetime.now(UTC)),
    }
