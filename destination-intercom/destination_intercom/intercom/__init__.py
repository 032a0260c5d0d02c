"""The wire: calls, the client, answers and what they mean, and the rate limit. Knows no records."""
