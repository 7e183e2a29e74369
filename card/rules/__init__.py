"""Pure decisions per scene: the same function at the gate, offline, and when the server replays the event."""
