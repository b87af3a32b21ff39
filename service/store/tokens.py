"""Bearer tokens: made, checked, listed, revoked. What is kept of one is its SHA-256."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import select

from service.records import Scope, TokenRecord
from service.store.database import Database, clock
from service.store.refusals import Conflict, NotFound
from service.store.tables import TokenRow

_PREFIX = "lrs_"
"""Lets scanners for leaked secrets know one."""
_BYTES = 32


class Tokens(Database):
    """Who may come in over HTTP."""

    def create_token(self, name: str, scope: Scope, *, lifetime: timedelta | None = None) -> str:
        """Makes a token of 256 random bits and returns it, this once. Raises Conflict if the name is taken."""
        secret = _PREFIX + secrets.token_urlsafe(_BYTES)
        with self.write() as session:
            if session.get(TokenRow, name) is not None:
                raise Conflict(f"there is a token '{name}' already, revoked ones included; choose another name")
            now = clock(session)
            expires = None if lifetime is None else now + lifetime
            session.add(TokenRow(name=name, sha256=_hash(secret), scope=scope, created=now, expires=expires))
        return secret

    def token_of(self, secret: str) -> TokenRecord | None:
        """The token that this is, if it is valid now."""
        digest = _hash(secret)
        with self.look() as session:
            row = session.scalars(select(TokenRow).where(TokenRow.sha256 == digest)).one_or_none()
            # The index compares hashes byte by byte, which tells a listener nothing about the token; so does this.
            if row is None or not hmac.compare_digest(row.sha256, digest):
                return None
            record = _record(row)
            return record if record.valid(clock(session)) else None

    def tokens(self) -> list[TokenRecord]:
        """All tokens, by name, those that are no longer valid among them."""
        with self.read() as session:
            return [_record(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.name))]

    def has_tokens(self) -> bool:
        """True if somebody could come in with one now."""
        with self.read() as session:
            now = clock(session)
            return any(_record(row).valid(now) for row in session.scalars(select(TokenRow)))

    def revoke_token(self, name: str) -> TokenRecord:
        """Shuts a token out from now on. Raises NotFound if there is none of that name."""
        with self.write() as session:
            row = session.get(TokenRow, name)
            if row is None:
                raise NotFound(f"there is no token '{name}'; `lrsweep token list` shows them all")
            row.revoked = row.revoked or clock(session)
            return _record(row)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _record(row: TokenRow) -> TokenRecord:
    return TokenRecord(
        name=row.name, scope=Scope(row.scope), created=row.created, expires=row.expires, revoked=row.revoked
    )
