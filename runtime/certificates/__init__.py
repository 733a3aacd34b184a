"""From votes and maps to statements that hold."""
