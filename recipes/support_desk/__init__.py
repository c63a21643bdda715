"""The order desk of a web shop: its policy, tools, simulated world, tasks and first agent."""
