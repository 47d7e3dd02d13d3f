"""What the token service is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Target, Url
from chassis.settings import ServiceSettings


class TokenSettings(ServiceSettings):
    """WATCHWORD_TOKEN_…

    `identity_url` is where browsers reach identity: the issuer, unless each service has an origin of its own.
    """

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TOKEN_")

    identity_grpc: Target = Field(examples=["127.0.0.1:9401"])
    policy_grpc: Target = Field(examples=["127.0.0.1:9403"])
    identity_url: Url | None = Field(default=None, examples=["https://id.example.org"])
