"""The maintenance desk of a plant: its policy, tools, simulated world, tasks and first agent."""
