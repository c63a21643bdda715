"""A library's desk, written for tests."""

from tau2.domains.library.data_model import Book, LibraryDB
from tau2.environment.toolkit import ToolKitBase, ToolType, is_tool


class LibraryTools(ToolKitBase):
    db: LibraryDB

    @is_tool(ToolType.READ)
    def get_book(self, book_id: str) -> Book:
        """What is known of a book."""
        if book_id not in self.db.books:
            raise ValueError("Book not found")
        return self.db.books[book_id]

    @is_tool(ToolType.WRITE)
    def lend_book(self, book_id: str, reader: str) -> str:
        """Lend a book to a reader."""
        book = self.get_book(book_id)
        if book.lent_to is not None:
            raise ValueError("Book is lent")
        book.lent_to = reader
        return f"{book.title} is lent to {reader}"

    def burn_down(self):
        self.db.books.clear()
