"""What the identity service is told by its environment."""

import os

from pydantic import DirectoryPath, Field, FilePath, field_validator
from pydantic_settings import SettingsConfigDict

from chassis.addresses import Target, Url
from chassis.settings import HEADER, Limit, ServiceSettings
from services.identity.pages.brand import DARK, LIGHT, Brand, brand, picture, readable
from services.identity.pages.words import Languages, load


class IdentitySettings(ServiceSettings):
    """WATCHWORD_IDENTITY_…

    Limits are written as "10 per 15 minutes"; failed attempts count, successful ones do not. `hash_queue` bounds the
    password hashes in work or waiting, `hash_share` those of one address, and of one name
    from one address `name_at_once` are tried at a time. Passwords have at least `password_strength` by zxcvbn, 0 to 4.

    A trusted proxy hands on the certificate that an application showed in `client_certificate_header`; `mtls_url` is
    the origin at which certificates are asked for.

    Pages carry `brand_name` and `brand_logo`; links and buttons are in `brand_colour`, in the dark in
    `brand_colour_dark`. Files <language tag>.json in `words` add languages, and replace texts of those that there are.
    """

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_IDENTITY_")

    token_grpc: Target = Field(examples=["127.0.0.1:9402"])
    policy_grpc: Target = Field(examples=["127.0.0.1:9403"])

    password_strength: int = Field(default=3, ge=0, le=4, examples=[3])
    hash_threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=64, examples=[2])
    hash_queue: int = Field(default=256, ge=1, examples=[256])
    hash_share: int = Field(default=128, ge=1, examples=[128])
    name_at_once: int = Field(default=4, ge=1, examples=[4])

    limit_address: Limit = Field(default="120 per minute", examples=["120 per minute"])
    limit_name: Limit = Field(default="20 per 15 minutes", examples=["20 per 15 minutes"])
    limit_name_address: Limit = Field(default="10 per 15 minutes", examples=["10 per 15 minutes"])
    limit_device: Limit = Field(default="10 per 15 minutes", examples=["10 per 15 minutes"])
    limit_password: Limit = Field(default="10 per 15 minutes", examples=["10 per 15 minutes"])
    limit_user_code: Limit = Field(default="20 per 15 minutes", examples=["20 per 15 minutes"])
    limit_authorize: Limit = Field(default="600 per minute", examples=["600 per minute"])
    limit_authorize_client: Limit = Field(default="6000 per minute", examples=["6000 per minute"])
    limit_authorize_session: Limit = Field(default="120 per minute", examples=["120 per minute"])
    limit_registration: Limit = Field(default="600 per minute", examples=["600 per minute"])

    client_certificate_header: str = Field(default="", pattern=HEADER, examples=["X-Client-Certificate"])
    mtls_url: Url | None = Field(default=None, examples=["https://mtls.id.example.org"])

    brand_name: str = Field(default="Watchword", min_length=1, max_length=60, examples=["Example Ltd"])
    brand_logo: FilePath | None = Field(default=None, examples=["/etc/watchword/logo.svg"])
    brand_colour: str = Field(default="#1f5c99", examples=["#1f5c99"])
    brand_colour_dark: str = Field(default="#8fc1f5", examples=["#8fc1f5"])
    words: DirectoryPath | None = Field(default=None, examples=["/etc/watchword/words"])

    @field_validator("brand_colour")
    @classmethod
    def _a_colour(cls, text: str) -> str:
        return readable(text.lower(), LIGHT)

    @field_validator("brand_colour_dark")
    @classmethod
    def _a_colour_in_the_dark(cls, text: str) -> str:
        return readable(text.lower(), DARK)

    @field_validator("brand_logo")
    @classmethod
    def _a_logo(cls, path: FilePath | None) -> FilePath | None:
        if path is not None:
            picture(path)
        return path

    @field_validator("words")
    @classmethod
    def _some_words(cls, path: DirectoryPath | None) -> DirectoryPath | None:
        load(path)
        return path

    @property
    def brand(self) -> Brand:
        """Whose the pages are."""
        return brand(self.brand_name, self.brand_colour, self.brand_colour_dark, self.brand_logo)

    @property
    def languages(self) -> Languages:
        """What the pages say."""
        return load(self.words)

    @property
    def limits(self) -> dict[str, str]:
        """The limits by name."""
        named = (name for name in type(self).model_fields if name.startswith("limit_"))
        return {name.removeprefix("limit_"): getattr(self, name) for name in named}
