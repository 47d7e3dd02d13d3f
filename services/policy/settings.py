"""What the policy service is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Target
from chassis.settings import ServiceSettings


class PolicySettings(ServiceSettings):
    """WATCHWORD_POLICY_…"""

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_POLICY_")

    identity_grpc: Target = Field(examples=["127.0.0.1:9401"])
    token_grpc: Target = Field(examples=["127.0.0.1:9402"])

    @property
    def url(self) -> str:
        """Where this service is reached over REST."""
        return self.public_url or f"http://{self.rest}"
