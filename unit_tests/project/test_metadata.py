"""metadata.yaml against the CDK's model of it: what Airbyte's tools build, test and publish by."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

ROOT = Path(__file__).resolve().parents[2]
# Where Airbyte's tools look for it: the folder that they take for the connector.
METADATA = ROOT / "destination-intercom" / "metadata.yaml"
WRITTEN: dict[str, Any] = yaml.safe_load(METADATA.read_text(encoding="utf-8"))


def test_metadata_when_the_cdk_reads_it_then_it_is_what_we_wrote() -> None:
    """The model takes the file whole, and finds in it what the tools ask for."""
    from airbyte_cdk.models.connector_metadata import ConnectorLanguage, MetadataFile

    read = MetadataFile.from_file(METADATA)
    assert WRITTEN == read.model_dump(exclude_unset=True)
    assert ("destination-intercom", ConnectorLanguage.PYTHON) == (read.data.dockerRepository, read.data.language)
    assert read.data.connectorBuildOptions is not None
    assert read.data.connectorBuildOptions.baseImage == WRITTEN["data"]["connectorBuildOptions"]["baseImage"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("dockerRepository", None), ("dockerImageTag", 1), ("tags", "language:python"), ("connectorBuildOptions", [])],
)
def test_metadata_when_a_field_is_of_another_kind_then_the_model_refuses_it(
    tmp_path: Path, field: str, value: Any
) -> None:
    """The model is one that can refuse."""
    from airbyte_cdk.models.connector_metadata import MetadataFile

    path = tmp_path / "metadata.yaml"
    path.write_text(yaml.safe_dump({**WRITTEN, "data": {**WRITTEN["data"], field: value}}), encoding="utf-8")
    with pytest.raises(ValidationError, match=field):
        MetadataFile.from_file(path)
