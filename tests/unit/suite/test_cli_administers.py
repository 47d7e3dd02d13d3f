"""What an operator's commands ask of the services, what they say, and what they advise where a service refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from suite.cli import app
from tests.unit.suite.small_suite import Small, small_suite


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Small]:
    with small_suite(tmp_path) as small:
        yield small


def test_a_generated_password_is_shown_once_and_is_the_one_that_was_set(suite: Small) -> None:
    made = suite.json("users", "create", "ann", "--generate")
    assert made == {"account_id": "acc_ann", "position": 2, "password": suite.identity.known["ann"][0]}


def test_a_password_is_read_from_standard_input_and_never_printed(suite: Small) -> None:
    result = suite.watchword("users", "create", "ann", "--password-stdin", stdin="a long passphrase\r\nnot this\n")
    assert result.exit_code == 0, result.output
    assert suite.identity.known["ann"][0] == "a long passphrase"
    assert "passphrase" not in result.output


def test_a_password_that_is_no_text_is_refused_in_a_line(suite: Small) -> None:
    result = suite.watchword("users", "create", "zed", "--password-stdin", stdin=b"quiet \xff otters\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "the password is not UTF-8 text\n"
    assert suite.identity.known == {}


def test_an_argument_that_is_no_text_is_refused_by_its_position(suite: Small) -> None:
    for command in (["users", "disable", "z\udcff"], ["revoke", "--session", "z\udcff"]):
        result = suite.watchword(*command)
        assert result.exit_code == 2
        assert "argument 3 is not UTF-8 text" in result.stderr


def test_a_client_without_a_name_is_refused(suite: Small) -> None:
    for name in ("", " "):
        assert "give the client a NAME" in suite.watchword("clients", "create", name).stderr
    assert suite.token.clients == []


def test_without_a_terminal_a_password_is_not_asked_for(suite: Small) -> None:
    result = suite.watchword("users", "create", "ann")
    assert result.exit_code == 1
    assert "--password-stdin or --generate" in result.stderr


def test_a_taken_name_is_refused_with_advice(suite: Small) -> None:
    suite.watchword("users", "create", "ann", "--generate")
    result = suite.watchword("users", "create", "ann", "--generate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "account_exists: this username is taken\nChoose another name.\n"


def test_disabling_says_whether_token_has_answered(suite: Small) -> None:
    suite.watchword("users", "create", "ann", "--generate")
    result = suite.watchword("users", "disable", "ann")
    assert "position 3 of identity's log" in result.stdout
    assert "Token has not answered yet" in result.stdout
    assert suite.identity.known["ann"][1] is True
    assert suite.json("users", "enable", "ann") == {"position": 4, "applied": True}
    assert suite.identity.known["ann"][1] is False


def test_a_clients_secret_is_shown_once_and_a_public_client_has_none(suite: Small) -> None:
    made = suite.json("clients", "create", "Billing", "--scope", "a", "--scope", "b", "--life", "60")
    assert (made["client_secret"], made["scopes"], made["access_token_life"]) == ("s3cret", ["a", "b"], 60)
    assert made["grant_types"] == ["client_credentials"]
    public = suite.json("clients", "create", "Web", "--public", "--id", "web")
    assert "client_secret" not in public
    assert public["grant_types"] == ["refresh_token"]
    listed = suite.json("clients", "list")
    assert [one["client_id"] for one in listed] == ["cli_made", "web"]
    assert not any("client_secret" in one for one in listed)


def test_what_a_client_is_called_commands_no_terminal(suite: Small) -> None:
    suite.watchword("clients", "create", "\x1b[31mred[bold]", "--public")
    result = suite.watchword("clients", "list")
    assert "\x1b" not in result.stdout
    assert "[31mred[bold]" in result.stdout


def test_an_application_that_signs_people_in_says_where_they_come_back(suite: Small) -> None:
    callback, bye = "https://shop.example/callback", "https://shop.example/bye"
    options = ["--redirect-uri", callback, "--post-logout-redirect-uri", bye, "--no-pkce", "--max-age", "60"]
    made = suite.json("clients", "create", "Shop", "--id", "shop", *options, "--id-token-alg", "ES256")
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    assert (made["redirect_uris"], made["post_logout_redirect_uris"]) == ([callback], [bye])
    assert (made["require_pkce"], made["default_max_age"], made["id_token_alg"]) == (False, 60, "ES256")
    (client,) = suite.token.clients
    assert not client.HasField("ask_consent")
    shown = suite.watchword("clients", "show", "shop").stdout
    assert callback in shown
    assert "sector" not in shown
    assert suite.json("clients", "show", "shop")["redirect_uris"] == [callback]


def test_keys_come_from_a_file(suite: Small, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys":[{"kty":"OKP"}]}')
    made = suite.json("clients", "create", "Bank", "--auth-method", "private_key_jwt", "--jwks", str(keys))
    assert made["jwks"] == {"keys": [{"kty": "OKP"}]}
    for text in ("[]", "{", '{"keys":1}'):
        keys.write_text(text)
        result = suite.watchword("clients", "create", "Bank", "--jwks", str(keys))
        assert (result.exit_code, str(keys) in result.stderr) == (1, True)
    assert "cannot be read" in suite.watchword("clients", "create", "B", "--jwks", str(tmp_path / "none")).stderr


def test_applications_are_brought_from_elsewhere_as_one_document_or_a_list(suite: Small, tmp_path: Path) -> None:
    file = tmp_path / "clients.json"
    file.write_text('{"client_id":"old","client_secret":"quiet otters of the river, all of them"}')
    result = suite.watchword("clients", "create", "--from", str(file))
    assert (result.exit_code, "otters" in result.output) == (0, False), result.output
    file.write_text('[{"client_id":"a"},{"client_id":"b"}]')
    assert [one["client_id"] for one in suite.json("clients", "create", "--from", str(file))] == ["a", "b"]
    assert [one["client_id"] for one in suite.token.documents] == ["old", "a", "b"]
    file.write_text('[{"client_id":"c"},{"client_id":"a"},{"client_id":"d"}]')
    halted = suite.watchword("clients", "create", "--from", str(file))
    assert (halted.exit_code, "client_id      c" in halted.stdout) == (1, True)
    assert halted.stderr.startswith("document 2 of 3: client_exists: ")
    for text in ("[]", "[1]", "7", "{"):
        file.write_text(text)
        assert suite.watchword("clients", "create", "--from", str(file)).exit_code == 1
    for more in (["Name"], ["--public"], ["--scope", "a"], ["--id", "x"]):
        assert "leave the other options out" in suite.watchword("clients", "create", "--from", str(file), *more).stderr


def test_an_update_changes_what_the_options_say_and_nothing_else(suite: Small) -> None:
    suite.watchword("clients", "create", "Shop", "--id", "shop", "--redirect-uri", "https://a.example/", "--scope", "a")
    changed = suite.json("clients", "update", "shop", "--redirect-uri", "https://b.example/", "--no-consent")
    assert (changed["redirect_uris"], changed["scopes"], changed["name"]) == (["https://b.example/"], ["a"], "Shop")
    assert changed["ask_consent"] is False
    assert suite.json("clients", "update", "shop", "--name", "Store", "--scope", "")["scopes"] == []
    assert suite.token.clients[0].name == "Store"
    assert "--help" in suite.watchword("clients", "update", "shop").stderr
    assert suite.watchword("clients", "update", "nobody", "--name", "x").stderr.startswith("not_found")


def test_a_new_secret_is_shown_once_with_the_time_of_the_old_one(suite: Small) -> None:
    suite.watchword("clients", "create", "Shop", "--id", "shop")
    made = suite.json("clients", "rotate-secret", "shop")
    assert made == {
        "client_id": "shop",
        "client_secret": "n3w",
        "position": 12,
        "old_secret_until": "2030-03-18T17:46:40Z",
    }
    said = suite.watchword("clients", "rotate-secret", "shop", "--overlap", "0").stdout
    assert "n3w" in said
    assert "good no more" in said
    assert suite.watchword("clients", "rotate-secret", "shop", "--overlap", "-1").exit_code == 2


def test_a_deleted_application_is_gone(suite: Small) -> None:
    suite.watchword("clients", "create", "Shop", "--id", "shop")
    assert suite.json("clients", "delete", "shop") == {"position": 13}
    assert suite.json("clients", "list") == []
    assert suite.watchword("clients", "delete", "shop").exit_code == 1


def test_rotating_asks_for_what_the_options_say(suite: Small) -> None:
    assert suite.json("keys", "rotate", "--refresh", "--compromised")["position"] == 8
    suite.watchword("keys", "rotate", "--alg", "ES256")
    suite.watchword("keys", "rotate", "--refresh", "--compromised", "--key", "k0")
    first, second, third = suite.token.rotations
    assert (first.refresh, first.compromised, first.alg) == (True, True, "")
    assert (second.refresh, second.compromised, second.alg) == (False, False, "ES256")
    assert (first.key_id, third.key_id, third.compromised) == ("", "k0", True)
    assert suite.json("keys", "list")[0]["since"] == "2030-03-17T17:46:40Z"


def test_a_key_is_named_only_where_it_is_compromised(suite: Small) -> None:
    refused = suite.watchword("keys", "rotate", "--key", "k0")
    assert refused.exit_code == 2
    assert "--compromised" in refused.stderr
    assert not suite.token.rotations


@pytest.mark.parametrize("target", ["session", "family", "subject", "client"])
def test_a_revocation_names_one_target(suite: Small, target: str) -> None:
    assert suite.json("revoke", f"--{target}", "x") == {"position": 9}
    (asked,) = suite.token.revocations
    assert (asked.WhichOneof("target") or "").startswith(target)
    assert not asked.wait_applied


def test_a_revocation_of_nothing_or_of_two_things_is_refused(suite: Small) -> None:
    for arguments in ([], ["--session", "s", "--client", "c"]):
        result = suite.watchword("revoke", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "name what to end" in result.stderr
    assert suite.token.revocations == []


def test_waiting_shows_who_has_applied_it_and_fails_where_one_has_not(suite: Small) -> None:
    done = suite.json("revoke", "--subject", "acc_1", "--wait")
    assert done["applied"] == [{"reader": "policy/1", "ms": 1.5}]
    assert done["certain_at"] == "2030-03-17T17:46:40Z"
    suite.token.laggards.append("billing/7")
    assert suite.json("revoke", "--subject", "acc_1", "--wait", code=1)["waiting"] == ["billing/7"]


def test_the_first_administrator_is_found_by_name_and_made_once(suite: Small) -> None:
    suite.watchword("users", "create", "ann", "--generate")
    assert suite.json("admin", "create", "ann") == {"account_id": "acc_ann", "position": 3}
    assert suite.policy.first == "acc_ann"
    again = suite.watchword("admin", "create", "ann")
    assert again.exit_code == 1
    assert again.stderr.startswith("administrator_exists: ")
    assert "users create" in suite.watchword("admin", "create", "nobody").stderr


def test_where_no_suite_has_run_every_command_says_how_to_start_one(tmp_path: Path) -> None:
    for command in (["status"], ["keys", "list"], ["events", "tail"], ["events", "verify"], ["tour"]):
        result = CliRunner().invoke(app, [*command, "--data", str(tmp_path / "none")])
        assert result.exit_code == 1
        assert f"watchword up --data {tmp_path / 'none'}" in result.stderr


@pytest.mark.parametrize("command", [["up"], ["status"], ["events", "verify"], ["certs", "issue", "shop"]])
def test_an_empty_data_is_not_the_current_directory(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*command, "--data", ""], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "empty; name a directory with --data DIR" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_where_it_has_stopped_a_command_says_how_to_start_it(tmp_path: Path) -> None:
    with small_suite(tmp_path) as suite:
        place = suite.place
    for command in (["keys", "list"], ["certs", "revoke", "admin"], ["certs", "issue", "shop", "--grant", "x"]):
        result = CliRunner().invoke(app, [*command, "--data", str(place.data)])
        assert result.exit_code == 1
        assert f"`watchword up --data {place.data}` starts it" in result.stderr


def test_who_revokes_the_operators_own_certificate_is_not_locked_out(suite: Small) -> None:
    before = suite.authority.find("admin")
    said = suite.watchword("certs", "revoke", "admin").stdout
    after = suite.authority.keep("operator", "admin")
    assert suite.token.certificates == {before.fingerprint}
    assert f"A new one is in its place: {after.cert} ({after.fingerprint})" in said
    assert suite.json("clients", "list") == []


def test_a_services_revoked_certificate_is_not_used_again_by_the_next_up(suite: Small) -> None:
    before = suite.authority.find("policy")
    assert "start `watchword up` anew" in suite.watchword("certs", "revoke", "policy").stdout
    assert suite.authority.keep("service", "policy").fingerprint != before.fingerprint


def test_a_backend_that_was_shut_out_stays_out(suite: Small) -> None:
    shop = suite.authority.issue("shop")
    assert "in its place" not in suite.watchword("certs", "revoke", "shop").stdout
    assert suite.authority.find("shop").fingerprint == shop.fingerprint
