"""Keys of people and companies, as tests write them."""

from destination_intercom.identity import Key


def by_id(value: str) -> Key:
    """A person by their User ID."""
    return Key("external_id", value)


def by_email(value: str) -> Key:
    """A person by their e-mail address."""
    return Key("email", value)


def by_company_id(value: str) -> Key:
    """A company by the source's own id."""
    return Key("company_id", value)
