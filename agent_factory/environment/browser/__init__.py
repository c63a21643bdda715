"""Environments in a browser: pages as accessibility trees with references, acted on by Playwright in Chromium."""
