"""A service's settings: environment variables WATCHWORD_<SERVICE>_<NAME>, and <NAME>_FILE for secrets.

A wrong, missing or misspelt setting stops the start with its name, the reason and an example, and never shows a secret.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from limits import parse
from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from chassis.addresses import Brokers, ListenAt, Networks, Target, Url
from watchword.kafka.connection import PREFIX, Kafka, Mechanism, Security

S = TypeVar("S", bound="ServiceSettings")
D = TypeVar("D", bound="Databases")
LogFormat = Literal["json", "console"]

HEADER = r"^([A-Za-z][A-Za-z0-9-]{0,63})?$"
"""The name of a header, or none."""


def _a_limit(text: str) -> str:
    try:
        parse(text)
    except ValueError:
        raise ValueError("it is not a limit") from None
    return text


Limit = Annotated[str, AfterValidator(_a_limit)]
"""How often something may happen, such as "10 per 15 minutes"."""

# Kubernetes adds these for a Service named watchword-<service>.
_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP)(_\w+)?)")


class WrongSetting(Exception):
    """The settings cannot be used. The message is for the operator: a line per setting, its reason and an example."""


class Databases(BaseSettings):
    """A service's database by its two roles: all that migrating is told."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    database: SecretStr = Field(examples=["postgresql://identity:password@/identity?host=/run/postgresql"])
    owner_database: SecretStr | None = Field(
        default=None, examples=["postgresql://identity_owner:password@/identity?host=/run/postgresql"]
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment and secret files only: no .env file is read from wherever the process happens to start."""
        return init_settings, env_settings, _SecretFiles(settings_cls)


class ServiceSettings(Databases):
    """What every service is told. A service's own class adds `env_prefix="WATCHWORD_<SERVICE>_"` and its own settings,
    and declares anew, without a default, the peers that it needs.

    `drain_pause`: seconds between saying that it goes (/readyz 503, NOT_SERVING) and closing its doors, longer than it
    takes for everybody to have heard and than an idle connection of a proxy lasts. Nothing waits on one machine.
    """

    rest: ListenAt = Field(examples=["127.0.0.1:8401"])
    grpc: ListenAt = Field(examples=["127.0.0.1:9401"])
    issuer: Url = Field(examples=["http://127.0.0.1:8402"])
    public_url: Url | None = Field(default=None, examples=["https://id.example.org"])
    trusted_proxies: Networks = Field(default=(), examples=["127.0.0.1,10.0.0.0/8"])
    identity_grpc: Target | None = Field(default=None, examples=["127.0.0.1:9401"])
    token_grpc: Target | None = Field(default=None, examples=["127.0.0.1:9402"])
    policy_grpc: Target | None = Field(default=None, examples=["127.0.0.1:9403"])
    ca: FilePath = Field(examples=["/etc/watchword/ca.pem"])
    cert: FilePath = Field(examples=["/etc/watchword/identity.pem"])
    key: FilePath = Field(examples=["/etc/watchword/identity.key"])
    jwks_url: Url | None = Field(default=None, examples=["http://127.0.0.1:8402/.well-known/jwks.json"])
    jwks_allow_http: bool = Field(default=False, examples=["true"])
    key_encryption_key_file: FilePath = Field(examples=["/etc/watchword/identity.kek"])
    kafka: Brokers | None = Field(default=None, examples=["kafka-0.example.org:9092,kafka-1.example.org:9092"])
    kafka_read: bool = Field(default=True, examples=["false"])
    kafka_topics: str = Field(default=PREFIX, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$", examples=["watchword"])
    kafka_create_topics: bool = Field(default=True, examples=["false"])
    kafka_security: Security = Field(default="plaintext", examples=["sasl_ssl"])
    kafka_ca: FilePath | None = Field(default=None, examples=["/etc/watchword/kafka-ca.pem"])
    kafka_cert: FilePath | None = Field(default=None, examples=["/etc/watchword/kafka.pem"])
    kafka_key: FilePath | None = Field(default=None, examples=["/etc/watchword/kafka.key"])
    kafka_sasl: Mechanism | None = Field(default=None, examples=["SCRAM-SHA-512"])
    kafka_username: str | None = Field(default=None, examples=["watchword-token"])
    kafka_password: SecretStr | None = Field(default=None, examples=["…"])
    log_format: LogFormat = Field(default="json", examples=["console"])
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", examples=["info"])
    otlp: Url | None = Field(default=None, examples=["http://127.0.0.1:4317"])
    stop_with_stdin: bool = Field(default=False, examples=["true"])
    drain_pause: float = Field(default=0, ge=0, le=300, examples=["10"])

    @property
    def jwks(self) -> str:
        """Where the issuer's keys are read."""
        return self.jwks_url or f"{self.issuer}/.well-known/jwks.json"

    @property
    def cluster(self) -> Kafka | None:
        """The Kafka cluster, where one was named. Raises WrongSetting where what opens it does not fit together."""
        if self.kafka is None:
            return None
        secret = None if self.kafka_password is None else self.kafka_password.get_secret_value()
        kafka = Kafka(
            servers=self.kafka,
            security=self.kafka_security,
            ca=self.kafka_ca,
            cert=self.kafka_cert,
            key=self.kafka_key,
            mechanism=self.kafka_sasl,
            username=self.kafka_username,
            password=secret,
            topics=self.kafka_topics,
        )
        if reason := kafka.wrong():
            raise WrongSetting(f"{_variable(type(self), 'kafka_security')}={self.kafka_security}: {reason}.")
        return kafka

    @property
    def origins(self) -> frozenset[str]:
        """The origins that this service's own pages come from; all others are foreign (RULES 10)."""
        hosts = {str(self.rest)}
        if self.rest.loopback:
            hosts |= {f"{host}:{self.rest.port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        public = [_origin_of(self.public_url)] if self.public_url else []
        return frozenset([*(f"http://{host}" for host in hosts), *public])

    @classmethod
    def load(cls) -> Self:
        """The settings from the environment. Raises WrongSetting."""
        return _loaded(cls, _misspelt(cls))


class _SecretFiles(PydanticBaseSettingsSource):
    """WATCHWORD_<SERVICE>_<NAME>_FILE for every secret."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(_variable(self.settings_cls, f"{field_name}_file"))
        if not path or not _secret(field):
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            name = _variable(self.settings_cls, f"{field_name}_file")
            raise WrongSetting(f"{name}: {path} cannot be read: {_reason(error)}") from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def settings_or_exit(kind: type[S]) -> S:
    """The settings, or the end of the process: says on stderr what is wrong and exits with 2."""
    try:
        return kind.load()
    except WrongSetting as wrong:
        exit_with(str(wrong))


def databases_or_exit(kind: type[ServiceSettings]) -> Databases:
    """As settings_or_exit, what migrating is told: whoever migrates holds no certificate and no key."""

    class Told(Databases):
        model_config = SettingsConfigDict(env_prefix=kind.model_config.get("env_prefix", ""))

    try:
        return _loaded(Told, _misspelt(kind))
    except WrongSetting as wrong:
        exit_with(str(wrong))


def exit_with(message: str) -> NoReturn:
    """Says why the process cannot start, without a traceback, and exits with 2."""
    sys.stderr.write(message.rstrip() + "\n")
    raise SystemExit(2)


def _variable(kind: type[BaseSettings], name: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{name}".upper()


def _secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "it is not plain text"


def _loaded(kind: type[D], problems: list[str]) -> D:
    try:
        settings = kind.model_validate({})
    except ValidationError as invalid:
        problems += [_explained(kind, error["loc"], error["type"], error["msg"]) for error in invalid.errors()]
    if problems:
        raise WrongSetting("\n".join(problems)) from None
    return settings


def _misspelt(kind: type[BaseSettings]) -> list[str]:
    prefix = _variable(kind, "")
    known = {_variable(kind, name) for name in kind.model_fields}
    known |= {_variable(kind, f"{name}_file") for name, field in kind.model_fields.items() if _secret(field)}
    unknown = [name for name in os.environ if name.startswith(prefix) and name not in known]
    return [
        f"{name}: there is no such setting.{_meant(name, known)}"
        for name in unknown
        if not _SERVICE_LINK.fullmatch(name.removeprefix(prefix))
    ]


def _meant(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _explained(kind: type[BaseSettings], location: tuple[int | str, ...], error_type: str, message: str) -> str:
    field_name = str(location[0]) if location else ""
    field = kind.model_fields.get(field_name)
    name = _variable(kind, field_name)
    also = f" (or {name}_FILE)" if field is not None and _secret(field) else ""
    reason = "it is missing" if error_type == "missing" else message.removeprefix("Value error, ")
    examples = field.examples if field is not None and field.examples else []
    return f"{name}{also}: {reason}." + "".join(f" Example: {name}={example}" for example in examples[:1])


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
