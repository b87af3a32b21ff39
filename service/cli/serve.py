"""The HTTP API as a process: `lrsweep serve`."""

import sys
from ipaddress import ip_address
from typing import Annotated

import typer

from service.cli.options import StoreUrl
from service.cli.output import notes

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs a token in the store.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8400,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name that clients reach it by; may be given repeatedly. [default: any, on loopback its own]",
        ),
    ] = None,
    require_token: Annotated[
        bool, typer.Option("--require-token", help="Ask for tokens on loopback too: for a proxy on this machine.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second of one token or address.")] = 50.0,
    store: StoreUrl = None,
) -> None:
    """Serve the HTTP API until Ctrl-C. It queues sweeps; `lrsweep coordinator` runs them.

    On loopback whoever can connect may do everything. Elsewhere everybody needs a token (`lrsweep token create`), and
    specs may name only tasks of LRSWEEP_ALLOWED_TASKS (docs/security.md).
    """
    import uvicorn

    from service.api.app import make_app
    from service.api.context import Settings
    from service.home import Home
    from service.policy import Policy
    from service.store import Store
    from sweeps.errors import UserError

    local = is_loopback(host) and not require_token
    policy = Policy.read()
    with Store.open(Home.find(store=store).store_url) as opened:
        if not local and not opened.has_tokens():
            raise UserError(
                f"a server at {host} that others reach must know who they are, and no token is there: make one with "
                "`lrsweep token create NAME --scope admin` and the same store, or leave --host and --require-token out"
            )
        hosts = tuple(name.lower() for name in allowed_host or ()) or (_LOOPBACK_NAMES if local else ())
        settings = Settings(anonymous=local, policy=policy, hosts=hosts, rate=rate)
        notes().print(f"serving on http://{host}:{port} until Ctrl-C; what there is: /api/v1/openapi.json")
        # Requests are short and take turns: Python's own 5 ms would be felt at every step of each.
        sys.setswitchinterval(0.0005)
        uvicorn.run(
            make_app(opened, settings),
            host=host,
            port=port,
            server_header=False,
            # Whose word would X-Forwarded-For be? The limits count by the address that really connected.
            proxy_headers=False,
            log_level="warning",
            timeout_graceful_shutdown=5,
        )


def is_loopback(host: str) -> bool:
    """True if only this machine can connect there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("db.example.org")
    (True, True, False, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
