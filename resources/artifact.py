"""The artifact root as a Dagster resource."""

import dagster as dg

from agent_factory.core.artifact import Artifacts, open_artifacts


class ArtifactResource(dg.ConfigurableResource):
    """A folder, or a bucket such as ``s3://factory/artifacts``."""

    url: str

    def open(self) -> Artifacts:
        """The artifacts under this root."""
        return open_artifacts(self.url)

    def link(self, path: str) -> dg.MetadataValue:
        """An artifact as the UI shows it: a path on this machine, or a URL."""
        artifacts = self.open()
        place = artifacts.locate(path)
        if "file" in artifacts.files.protocol:
            return dg.MetadataValue.path(place)
        return dg.MetadataValue.url(str(artifacts.files.unstrip_protocol(place)))
