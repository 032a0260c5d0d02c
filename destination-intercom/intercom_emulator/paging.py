"""Pages of a list: which part of it is asked for, and what says how to go on."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from intercom_emulator.answers import Malformed, invalid

DEFAULT_PER_PAGE, MOST_PER_PAGE = 50, 150


class Named(Protocol):
    """What has an id of Intercom's."""

    @property
    def id(self) -> str:
        """Intercom's id."""


T = TypeVar("T")
N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Paging:
    """One page of a list: how many, after whom (order key and id), and its number."""

    per_page: int = DEFAULT_PER_PAGE
    after: tuple[Any, str] | None = None
    page: int = 1

    @classmethod
    def of_query(cls, query: dict[str, str]) -> "Paging":
        """Read `per_page` and `starting_after` of a path's query; refuse what is none."""
        values: dict[str, Any] = dict(query)
        if query.get("per_page", "").isdecimal():
            values["per_page"] = int(query["per_page"][:4])  # enough to tell that it is too much
        try:
            return cls.read(values)
        except Malformed as error:
            raise invalid(str(error)) from error

    @classmethod
    def read(cls, values: object, default: int = DEFAULT_PER_PAGE) -> "Paging":
        """Read `per_page` and `starting_after`; raise `Malformed`, or refuse a cursor that is none."""
        if values is None:
            return cls(default)
        if not isinstance(values, dict):
            raise Malformed("pagination must be an object")
        per_page = values.get("per_page", default)
        if not isinstance(per_page, int) or isinstance(per_page, bool) or not 1 <= per_page <= MOST_PER_PAGE:
            raise Malformed(f"per_page must be 1 to {MOST_PER_PAGE}")
        cursor = values.get("starting_after")
        if cursor is None:
            return cls(per_page)
        try:
            key, contact_id, page = json.loads(base64.b64decode(str(cursor), validate=True))
        except (ValueError, TypeError, binascii.Error) as error:
            raise invalid("starting_after is invalid") from error
        return cls(per_page, (key, contact_id), page)

    def cut(self, whole: Iterable[N], order: Callable[[N], Any], *, descending: bool) -> tuple[list[N], dict[str, Any]]:
        """Return what is on this page, ordered, and all of the list but its `data`."""
        keyed = sorted((((order(each), each.id), each) for each in whole), key=_key, reverse=descending)
        rest = keyed
        if self.after is not None:
            after = self.after
            try:
                rest = [pair for pair in keyed if (pair[0] < after if descending else pair[0] > after)]
            except TypeError as error:
                raise invalid("starting_after is of another list") from error
        page = rest[: self.per_page]
        pages: dict[str, Any] = {"type": "pages"}
        if len(rest) > len(page):
            cursor = json.dumps([*page[-1][0], self.page + 1]).encode()
            pages["next"] = {"per_page": self.per_page, "starting_after": base64.b64encode(cursor).decode()}
        total = -(-len(keyed) // self.per_page)
        pages |= {"page": self.page, "per_page": self.per_page, "total_pages": total}
        return [each for _, each in page], {"type": "list", "total_count": len(keyed), "pages": pages}


def _key(pair: tuple[tuple[Any, str], object]) -> tuple[Any, str]:
    return pair[0]


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """One page of a list by its number, from 1."""

    page: int
    per_page: int

    @classmethod
    def read(cls, query: dict[str, str], *, per_page: int) -> "NumberedPage":
        """Read `page`, or the `starting_after` that stands for it, and `per_page`; refuse what is none."""
        number, size = query.get("starting_after", query.get("page", "1")), query.get("per_page", str(per_page))
        for name, value, most in (("page", number, 10_000), ("per_page", size, MOST_PER_PAGE)):
            if not value.isdecimal() or len(value) > len(str(most)) or not 1 <= int(value) <= most:
                raise invalid(f"{name} must be 1 to {most}")
        return cls(int(number), int(size))

    def cut(self, whole: Sequence[T]) -> tuple[list[T], dict[str, Any]]:
        """Return what is on this page, and `total_count` and `pages` of the list; its `next` is a number or None."""
        total = -(-len(whole) // self.per_page)
        begin = (self.page - 1) * self.per_page
        pages = {"type": "pages", "next": self.page + 1 if self.page < total else None}
        pages |= {"page": self.page, "per_page": self.per_page, "total_pages": total}
        return list(whole[begin : begin + self.per_page]), {"pages": pages, "total_count": len(whole)}
