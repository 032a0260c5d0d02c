"""The section `object_storage_config`: where rejected records are kept, in the shape of Airbyte's own connectors.

Of their fields these are left out, and so are errors: `role_arn` (which works in Airbyte Cloud only), the
format `CSV` (which takes no record whole), `path_format` and `file_name_format` (which are as their defaults,
but for a mark that keeps two attempts at a sync apart).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, model_validator

from destination_intercom.configuration.sections import Absent, Section, Text, check_address

LONGEST_BUCKET_PATH: Final = 256
"""Bytes. Leaves room for the rest of an object's name, which has at most 1,024 bytes (Amazon's documentation)."""


class NoStorage(Absent):
    """Rejected records are counted, and stored nowhere."""

    storage_type: Literal["None"] = "None"


class JsonLines(Section):
    """The one format that takes a record whole; Airbyte's own connectors also know CSV."""

    format_type: Literal["JSONL"] = "JSONL"


class NoCompression(Absent):
    """Objects are stored as they are."""

    compression_type: Literal["No Compression"] = "No Compression"


class Gzip(Section):
    """Objects are compressed."""

    compression_type: Literal["GZIP"]


class S3(Section):
    """A bucket of Amazon's S3, or of anything that speaks its protocol at `s3_endpoint`."""

    storage_type: Literal["S3"]
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    s3_bucket_name: Text
    s3_bucket_region: Text | None = None
    s3_endpoint: Text | None = None
    bucket_path: Text | None = None
    format: JsonLines = JsonLines()
    compression: Annotated[NoCompression | Gzip, Field(discriminator="compression_type")] = NoCompression()

    @property
    def endpoint(self) -> str | None:
        """Tell the address without a slash at its end; None for Amazon's own."""
        return None if self.s3_endpoint is None else self.s3_endpoint.rstrip("/")

    @property
    def is_compressed(self) -> bool:
        """Say whether objects are compressed."""
        return isinstance(self.compression, Gzip)

    @property
    def keys(self) -> tuple[str, str] | None:
        """Reveal the access key and its secret, for the one place that signs with them; None where there are none."""
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return self.access_key_id.get_secret_value().strip(), self.secret_access_key.get_secret_value().strip()

    @model_validator(mode="after")
    def _check(self) -> S3:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError(
                "access_key_id and secret_access_key belong together: set both, or neither if the machine has its own"
                " credentials"
            )
        for name, key in zip(("access_key_id", "secret_access_key"), self.keys or (), strict=False):
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise ValueError(f"{name} is empty or contains invalid characters: copy it again")
        if self.s3_endpoint is not None:
            check_address("s3_endpoint", self.s3_endpoint)
        elif self.s3_bucket_region is None:
            raise ValueError("s3_bucket_region is required, such as us-east-1, unless you set s3_endpoint")
        if not _BUCKET_NAME.fullmatch(self.s3_bucket_name):
            raise ValueError("s3_bucket_name must be 3 to 255 letters, digits, dots, hyphens and underscores")
        if self.s3_bucket_region is not None and not _REGION.fullmatch(self.s3_bucket_region):
            raise ValueError("s3_bucket_region must be a name such as us-east-1")
        _check_bucket_path(self.bucket_path or "")
        return self


_BUCKET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}")
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def _check_bucket_path(path: str) -> None:
    if not path.isprintable() or len(path.encode()) > LONGEST_BUCKET_PATH:
        raise ValueError(
            f"bucket_path can have at most {LONGEST_BUCKET_PATH} characters and no line breaks; a character outside"
            " ASCII counts as two to four"
        )
    if {"", ".", ".."}.intersection(path.rstrip("/").split("/")) and path:
        raise ValueError(
            "bucket_path must be a path such as rejected/intercom: no slash at its beginning, no empty part"
        )


ObjectStorage = Annotated[NoStorage | S3, Field(discriminator="storage_type")]
