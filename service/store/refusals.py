"""The user's mistakes that show only in the store, each told apart by what whoever asked must do."""

from sweeps.errors import UserError


class NotFound(UserError):
    """There is no such sweep, trial or token."""


class Conflict(UserError):
    """It is there, but in a state in which this cannot be done."""
