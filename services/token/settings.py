"""What the token service is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Target
from chassis.settings import ServiceSettings


class TokenSettings(ServiceSettings):
    """WATCHWORD_TOKEN_…"""

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TOKEN_")

    identity_grpc: Target = Field(examples=["127.0.0.1:9401"])
    policy_grpc: Target = Field(examples=["127.0.0.1:9403"])
