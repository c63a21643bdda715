"""The order desk as web pages, for agents that work in a browser: a front end over the order system's API."""

from .app import create_app

__all__ = ["create_app"]
