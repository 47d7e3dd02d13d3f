"""What the token service is told by its environment."""

from typing import Literal

from pydantic import Field, FilePath, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Networks, Target, Url
from chassis.settings import HEADER, Limit, ServiceSettings, WrongSetting

Registration = Literal["off", "token", "open"]


class TokenSettings(ServiceSettings):
    """WATCHWORD_TOKEN_…

    `identity_url` is where browsers reach identity: the issuer, unless each service has an origin of its own.
    `fetch_allowed` are networks besides the public one in which addresses that clients name are fetched. A trusted
    proxy hands on the certificate that a client showed in `client_certificate_header`; `client_ca` are the authorities
    behind those of `tls_client_auth`; `mtls_url` is the origin at which certificates are asked for. `dpop_nonces` says
    whether a DPoP proof needs a nonce of ours.
    `registration` says which clients may register themselves: none, those that were given `registration_token`, or any,
    of which each address may so many an hour.
    Limits are written as "10 per 15 minutes". `limit_requests`: pushed requests, and devices that wait, of a client
    that proves itself; `limit_public_requests`: the same of an address, for clients that do not.
    """

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TOKEN_")

    identity_grpc: Target = Field(examples=["127.0.0.1:9401"])
    policy_grpc: Target = Field(examples=["127.0.0.1:9403"])
    identity_url: Url | None = Field(default=None, examples=["https://id.example.org"])
    fetch_allowed: Networks = Field(default=(), examples=["10.1.0.0/16"])
    client_certificate_header: str = Field(default="", pattern=HEADER, examples=["X-Client-Certificate"])
    client_ca: FilePath | None = Field(default=None, examples=["/etc/watchword/client-ca.pem"])
    mtls_url: Url | None = Field(default=None, examples=["https://mtls.id.example.org"])
    dpop_nonces: bool = Field(default=True, examples=["false"])
    registration: Registration = Field(default="off", examples=["token"])
    registration_token: SecretStr | None = Field(default=None, min_length=32, examples=["…"])
    registration_limit: int = Field(default=600, ge=1, examples=["60"])
    limit_requests: Limit = Field(default="6000 per minute", examples=["6000 per minute"])
    limit_public_requests: Limit = Field(default="120 per minute", examples=["120 per minute"])

    @property
    def initial_access_token(self) -> str:
        """What admits those who may register; empty where anybody may. Raises WrongSetting where it is not given."""
        if self.registration != "token":
            return ""
        if self.registration_token is None:
            example = "WATCHWORD_TOKEN_REGISTRATION_TOKEN_FILE=/etc/watchword/registration-token"
            raise WrongSetting(f"WATCHWORD_TOKEN_REGISTRATION=token needs what admits: {example}")
        return self.registration_token.get_secret_value()

    @property
    def client_authorities(self) -> bytes:
        """The authorities in PEM, empty where none are named. Raises WrongSetting where the file holds none."""
        if self.client_ca is None:
            return b""
        pem = self.client_ca.read_bytes()
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            raise WrongSetting(f"WATCHWORD_TOKEN_CLIENT_CA: {self.client_ca} holds no certificate in PEM.")
        return pem
