"""Environments behind an OpenAPI document: tools are called over HTTP, with faults put in their way."""
