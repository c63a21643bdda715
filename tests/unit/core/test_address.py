"""An address is shown without its password."""

import pytest

from agent_factory.core.address import hide_password
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store, open_engine


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql+psycopg://ann:hush@db:5432/factory", "postgresql+psycopg://ann:***@db:5432/factory"),
        ("postgresql://ann:a/b@c@db/factory", "postgresql://ann:***@db/factory"),
        ("postgresql:///factory?user=ann&password=hush&host=db", "postgresql:///factory?user=ann&password=***&host=db"),
        ("s3://id:hush@bucket/place", "s3://id:***@bucket/place"),
        ("https://store/place?sv=1&SIG=hush", "https://store/place?sv=1&SIG=***"),
        ("sqlite:////home/ann/factory.db", "sqlite:////home/ann/factory.db"),
        ("http://127.0.0.1:5000/x", "http://127.0.0.1:5000/x"),
        ("/home/ann/artifacts", "/home/ann/artifacts"),
    ],
)
def test_no_password_is_shown(address: str, shown: str) -> None:
    assert hide_password(address) == shown


@pytest.mark.parametrize("url", ["nonsense", "mysql://ann:hush@db/x", "oracle://x", "postgresql://ann:hush@db:x/y"])
def test_an_address_that_is_no_store_is_the_users_to_mend(url: str) -> None:
    with pytest.raises(InputError, match="Set AGENT_FACTORY_DATABASE_URL to") as told:
        Store(url)
    assert "hush" not in str(told.value)


def test_postgres_by_the_name_that_is_told_is_opened() -> None:
    open_engine("postgresql+psycopg://ann:hush@127.0.0.1:1/factory").dispose()


@pytest.mark.parametrize("url", ["nope://ann:hush@x/y", "s3://ann:hush@x/y"])
def test_an_address_that_no_file_system_has_is_the_users_to_mend(url: str) -> None:
    with pytest.raises(InputError, match="Set AGENT_FACTORY_ARTIFACTS_URL") as told:
        Artifacts(url)
    assert "hush" not in str(told.value)
