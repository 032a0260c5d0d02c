"""Where rejected records go. Knows nothing of Intercom."""
