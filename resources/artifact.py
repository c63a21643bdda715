"""The artifact root as a Dagster resource."""

import dagster as dg

from agent_factory.core.artifact import Artifacts, open_artifacts


class ArtifactResource(dg.ConfigurableResource):
    """A folder, or a bucket such as ``s3://factory/artifacts``."""

    url: str

    def open(self) -> Artifacts:
        """The artifacts under this root."""
        return open_artifacts(self.url)
