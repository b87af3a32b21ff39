"""The store: the only truth about sweeps, and the only place with SQL in it."""

from service.store.lifecycle import LeaseLost
from service.store.owners import owner_of
from service.store.recorder import StoreRecorder
from service.store.refusals import Conflict, NotFound
from service.store.schema import upgrade
from service.store.store import Store

__all__ = ["Conflict", "LeaseLost", "NotFound", "Store", "StoreRecorder", "owner_of", "upgrade"]
