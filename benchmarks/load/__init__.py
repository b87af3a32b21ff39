"""How the HTTP API holds up: many clients that poll and stream, coordinators that write, a store that is full."""
