"""Data events: a record mapped to an event, and sent. Knows no threads and no HTTP."""
