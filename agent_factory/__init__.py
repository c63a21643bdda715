"""Agent Factory: LLM agents made industrially, from traces to deployments and back."""
