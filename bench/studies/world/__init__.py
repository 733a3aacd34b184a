"""What the embedded world's networks and their defence can do: `fvit world`."""
