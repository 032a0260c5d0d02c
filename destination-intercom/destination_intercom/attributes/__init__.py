"""Attributes of people and companies alike: what the workspace has, and how a record's values become them."""
