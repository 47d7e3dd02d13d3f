"""What pages say in each language, and whose they are: an operator's files and settings."""

import json
from pathlib import Path

import pytest
from markupsafe import Markup

from services.identity.pages.brand import DARK, LIGHT, brand, contrast, on, readable
from services.identity.pages.words import PACKAGED, BadWords, load
from tests.unit.identity.house import House
from tests.unit.identity.reception import reception_of

DAY = 24 * 3600


def test_each_language_says_all_that_english_says() -> None:
    files = {file.stem: json.loads(file.read_text()) for file in PACKAGED.glob("*.json")}
    assert {"en", "de"} <= files.keys()
    for tag, texts in files.items():
        assert texts.keys() == files["en"].keys(), tag
        assert all(text.strip() for text in texts.values()), tag


@pytest.mark.parametrize(
    ("wanted", "accepted", "found"),
    [
        ((), "", "en"),
        ((), "de", "de"),
        ((), "de-CH, en;q=0.9", "de"),
        ((), "en;q=0.5, de;q=0.8", "de"),
        ((), "fr, *;q=0.5", "en"),
        ((), "de;q=0, en", "en"),
        ((), ";;;q=x,,", "en"),
        (("de",), "en", "de"),
        (("fr", "DE-at"), "en", "de"),
        (("fr",), "de", "de"),
        (("de" + "-x" * 50,), "", "en"),
        ((), "de" + "-" * 30_000, "en"),
    ],
)
def test_the_language_is_what_the_application_asks_for_or_the_browser_takes(
    wanted: tuple[str, ...], accepted: str, found: str
) -> None:
    assert load().choose(wanted, accepted).tag == found


async def test_pages_are_in_the_language_that_was_asked_for(house: House) -> None:
    reception = reception_of(house)
    async with reception.browser("de-DE,de;q=0.9") as browser:
        page = await browser.open(reception.asking())
        assert (page.language, page.title) == ("de", "Anmelden · Example Ltd")
        assert page.response.headers["content-language"] == "de"
        page = await browser.open(reception.asking(ui_locales="fr en"))
        assert (page.language, page.title) == ("en", "Sign in · Example Ltd")


def test_values_are_text_unless_they_are_markup() -> None:
    say = load().choose((), "en")
    assert say("signin.to", client="<b>") == "Sign in to go on to &lt;b&gt;"
    assert say("signin.to", client=Markup("<bdi>A</bdi>")) == "Sign in to go on to <bdi>A</bdi>"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "one minute"),
        (61, "2 minutes"),
        (3600, "one hour"),
        (90 * 60, "90 minutes"),
        (DAY, "one day"),
        (36 * 3600, "36 hours"),
        (14 * DAY, "14 days"),
    ],
)
def test_how_long_is_said_in_the_largest_unit_that_fits(seconds: int, said: str) -> None:
    assert load().choose((), "en").duration(seconds) == said


def test_an_operator_adds_a_language_and_finds_other_words(tmp_path: Path) -> None:
    (tmp_path / "fr.json").write_text('{"signin.title": "Connexion"}')
    (tmp_path / "en.json").write_text('{"scope.invoices.read": "Read your invoices"}')
    languages = load(tmp_path)
    french = languages.choose((), "fr")
    assert (french("signin.title"), french("signin.username")) == ("Connexion", "Username")
    assert french.scope("invoices.read") == "Read your invoices"
    assert languages.choose((), "de").scope("<x>") == "„&lt;x&gt;“ verwenden"
    assert languages.choose((), "de").scope("other") == "„other“ verwenden"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"signin.to": "{clent}"}', "signin.to names {clent}"),
        ('{"signin.to": "{client.__class__}"}', "signin.to names {client.__class__}"),
        ('{"signin.to": "{client"}', "signin.to has a brace"),
        ('{"signin.to": 7}', "is not an object of texts"),
        ("[]", "is not an object of texts"),
        ("{", "cannot be read"),
    ],
)
def test_words_that_could_not_be_said_are_refused_at_the_start(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "fr.json").write_text(text)
    with pytest.raises(BadWords) as refused:
        load(tmp_path)
    assert reason in str(refused.value)


def test_colours_are_refused_where_nobody_could_read_them() -> None:
    assert readable("#1f5c99", LIGHT) == "#1f5c99"
    for colour, ground in (("#ffff00", LIGHT), ("#1f5c99", DARK)):
        with pytest.raises(ValueError, match="nobody can read it"):
            readable(colour, ground)
    for colour in ("red", "#fff", "#12345g", "#123456;}body{", ""):
        with pytest.raises(ValueError, match="is not a colour"):
            readable(colour, LIGHT)
    assert round(contrast("#000000", "#ffffff")) == 21
    assert (on("#1f5c99"), on("#8fc1f5")) == ("#ffffff", "#000000")


def test_a_logo_is_a_picture_of_bounded_size(tmp_path: Path) -> None:
    for name, content, reason in (("logo.html", b"x", "a logo is a file"), ("logo.svg", bytes(300_000), "at most")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=reason):
            brand("Example Ltd", "#1f5c99", "#8fc1f5", tmp_path / name)
