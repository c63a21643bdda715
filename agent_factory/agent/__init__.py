"""The agent harness: tools from OpenAPI, the loop that calls them, one and the same in training and in service."""
