"""The development authority names whom it should and nobody else (RULES 11)."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from suite.authority import Authority, Issued, fingerprint
from suite.errors import Halt
from suite.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.furnish()
    return place


@pytest.fixture
def authority(place: Place) -> Authority:
    return Authority(place)


def load(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.cert.read_bytes())


def names(issued: Issued) -> x509.SubjectAlternativeName:
    return load(issued).extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_keys_are_readable_by_their_owner_only(place: Place, authority: Authority) -> None:
    keys = [place.ca / "ca.key", authority.issue("billing").key, authority.keep("service", "token").key]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_an_authority_survives_a_restart(place: Place, authority: Authority) -> None:
    issued = authority.issue("billing")
    load(issued).verify_directly_issued_by(x509.load_pem_x509_certificate(Authority(place).certificate.read_bytes()))


def test_the_authority_can_sign_certificates_and_its_children_cannot(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    child = load(authority.issue("billing"))
    assert [one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for one in (root, child)] == [
        True,
        False,
    ]
    assert isinstance(child.public_key(), ec.EllipticCurvePublicKey)


def test_a_service_is_named_by_uri_and_answers_on_this_machine(authority: Authority) -> None:
    issued = authority.keep("service", "token")
    assert issued.uri == "spiffe://watchword/service/token"
    assert names(issued).get_values_for_type(x509.UniformResourceIdentifier) == [issued.uri]
    assert names(issued).get_values_for_type(x509.DNSName) == ["token.watchword", "localhost"]
    assert [str(one) for one in names(issued).get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_backend_lives_ninety_days_and_serves_nothing(authority: Authority) -> None:
    issued = authority.issue("billing-2")
    usage = load(issued).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert issued.uri == "spiffe://watchword/backend/billing-2"
    assert timedelta(days=89) < issued.expires - datetime.now(UTC) <= timedelta(days=90)
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert names(issued).get_values_for_type(x509.DNSName) == []


def test_an_operator_is_named_as_one(authority: Authority) -> None:
    assert authority.issue("ana", operator=True).uri == "spiffe://watchword/operator/ana"


@pytest.mark.parametrize(
    "name", ["", "service/token", "../ca", "Billing", "a b", "-a", "a-", "a" * 64, "billing\n", "ä", "spiffe:", "."]
)
def test_what_is_no_name_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(Halt, match="no name for a certificate"):
        authority.issue(name)


@pytest.mark.parametrize("name", ["identity", "token", "policy"])
@pytest.mark.parametrize("operator", [False, True])
def test_a_services_name_is_never_issued(authority: Authority, name: str, operator: bool) -> None:
    with pytest.raises(Halt, match="is a service of the suite"):
        authority.issue(name, operator=operator)


def test_a_backend_does_not_replace_an_operator(authority: Authority) -> None:
    authority.issue("ana", operator=True)
    with pytest.raises(Halt, match="spiffe://watchword/operator/ana"):
        authority.issue("ana")


def test_issuing_again_makes_a_new_certificate(authority: Authority) -> None:
    assert authority.issue("billing").fingerprint != authority.issue("billing").fingerprint


def test_a_fresh_certificate_is_kept_and_one_of_another_authority_is_not(place: Place, authority: Authority) -> None:
    first = authority.keep("backend", "demo")
    assert authority.keep("backend", "demo") == first
    (place.ca / "ca.key").unlink()
    assert Authority(place).keep("backend", "demo").fingerprint != first.fingerprint


def test_a_fingerprint_is_the_sha256_of_the_der(authority: Authority) -> None:
    issued = authority.issue("billing")
    assert issued.fingerprint == fingerprint(load(issued)) == authority.find("billing").fingerprint
    assert len(issued.fingerprint) == 64


def test_a_certificate_that_is_not_there_is_not_found(authority: Authority) -> None:
    with pytest.raises(Halt, match="there is no certificate"):
        authority.find("nobody")
