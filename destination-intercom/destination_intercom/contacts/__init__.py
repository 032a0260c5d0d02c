"""Contacts: a record mapped to a change, compared with what Intercom has, and written. Knows no threads and no HTTP."""
