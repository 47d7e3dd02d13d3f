"""What the token service is told by its environment."""

from pydantic import Field, FilePath
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Networks, Target, Url
from chassis.settings import ServiceSettings, WrongSetting


class TokenSettings(ServiceSettings):
    """WATCHWORD_TOKEN_…

    `identity_url` is where browsers reach identity: the issuer, unless each service has an origin of its own.
    `fetch_allowed` are networks besides the public one in which addresses that clients name are fetched. A trusted
    proxy hands on the certificate that a client showed in `client_certificate_header`; `client_ca` are the authorities
    behind those of `tls_client_auth`; `mtls_url` is the origin at which certificates are asked for. `dpop_nonces` says
    whether a DPoP proof needs a nonce of ours.
    """

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_TOKEN_")

    identity_grpc: Target = Field(examples=["127.0.0.1:9401"])
    policy_grpc: Target = Field(examples=["127.0.0.1:9403"])
    identity_url: Url | None = Field(default=None, examples=["https://id.example.org"])
    fetch_allowed: Networks = Field(default=(), examples=["10.1.0.0/16"])
    client_certificate_header: str = Field(
        default="", pattern=r"^([A-Za-z][A-Za-z0-9-]{0,63})?$", examples=["X-Client-Certificate"]
    )
    client_ca: FilePath | None = Field(default=None, examples=["/etc/watchword/client-ca.pem"])
    mtls_url: Url | None = Field(default=None, examples=["https://mtls.id.example.org"])
    dpop_nonces: bool = Field(default=True, examples=["false"])

    @property
    def client_authorities(self) -> bytes:
        """The authorities in PEM, empty where none are named. Raises WrongSetting where the file holds none."""
        if self.client_ca is None:
            return b""
        pem = self.client_ca.read_bytes()
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            raise WrongSetting(f"WATCHWORD_TOKEN_CLIENT_CA: {self.client_ca} holds no certificate in PEM.")
        return pem
