"""For `airbyte-cdk connector test`, which takes this folder for all of the connector: the Intercom to check against."""

from integration_tests.support.local_intercom import local_intercom

__all__ = ["local_intercom"]
