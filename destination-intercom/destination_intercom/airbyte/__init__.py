"""Airbyte's protocol: lines in, messages out, states echoed, catalogs and their schemas. Knows nothing of Intercom."""
