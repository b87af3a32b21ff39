"""Alembic's configuration. There is no alembic.ini: the URL of a store comes from its user."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection


def config(connection: Connection) -> Config:
    """The configuration for one connection, whose transaction the migrations join."""
    config = Config()
    # The folder itself and not "migrations:": a project of the user's may have a package of that name.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
