"""A library's database, written for tests."""

from pydantic import BaseModel

from tau2.environment.toolkit import DB


class Book(BaseModel):
    title: str
    lent_to: str | None = None


class LibraryDB(DB):
    books: dict[str, Book]
