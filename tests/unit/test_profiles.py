"""The file of connection profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from continuum.errors import ConfigurationError
from continuum.profiles import Profile, chosen_profile, profiles_file, read_profiles

FILE = """
[shop]
dsn = "postgresql://pooler/shop"
direct_dsn = "postgresql://db/shop"
read_dsn = "postgresql://replica/shop"
namespace = "billing"
danger = true
read_only = true
theme = "nord"

[local]
dsn = "postgresql://localhost/shop"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose profiles are those above."""
    path = tmp_path / "continuum" / "profiles.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_everything_that_a_profile_says(environ: dict[str, str]) -> None:
    """And what one does not say that has a dsn only."""
    assert read_profiles(profiles_file(environ)) == {
        "shop": Profile(
            "shop", "postgresql://pooler/shop", "postgresql://db/shop", "postgresql://replica/shop",
            "billing", danger=True, read_only=True, theme="nord",
        ),
        "local": Profile("local", "postgresql://localhost/shop"),
    }  # fmt: skip


def test_where_the_file_is(tmp_path: Path) -> None:
    """In the user's configuration directory, or where a variable says."""
    assert profiles_file({}) == Path("~/.config/continuum/profiles.toml").expanduser()
    assert profiles_file({"CONTINUUM_PROFILES": "/etc/p.toml"}) == Path("/etc/p.toml")
    assert read_profiles(tmp_path / "none") == {}


def test_which_profile_is_chosen(environ: dict[str, str]) -> None:
    """The option, else the variable; a dsn that was given goes before the variable."""
    named = {**environ, "CONTINUUM_PROFILE": "local"}
    assert chosen_profile(None, environ=environ) is None
    for name, dsn, expected in (
        ("shop", None, "shop"), ("shop", None, "shop"), (None, None, "local"), (None, "x", None),
    ):  # fmt: skip
        found = chosen_profile(name, dsn, environ=named)
        assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("name", "dsn", "more", "message"),
    [
        ("shop", "x", {}, "exclude each other"),
        (None, None, {"CONTINUUM_PROFILE": "shop", "CONTINUUM_DSN": "y"}, "each name a database"),
        ("prod", None, {}, "no profile 'prod' in .*there are shop, local"),
        ("prod", None, {"CONTINUUM_PROFILES": "/none/p.toml"}, "no such file"),
    ],
)
def test_no_database_is_guessed(
    environ: dict[str, str], name: str | None, dsn: str | None, more: dict[str, str], message: str
) -> None:
    """Two databases at once, or a profile that is not there."""
    with pytest.raises(ConfigurationError, match=message):
        chosen_profile(name, dsn, environ={**environ, **more})


def test_the_option_goes_before_the_environments_dsn(environ: dict[str, str]) -> None:
    """What was said last and by hand counts."""
    found = chosen_profile("local", environ={**environ, "CONTINUUM_DSN": "y"})
    assert found is not None
    assert found.name == "local"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[shop", "cannot read"),
        ("shop = 1", "shop is not a table"),
        ("[shop]\nnamespace = 'a'", "profile shop has no dsn"),
        ("[shop]\ndsn = 1", "dsn of profile shop is text, not 1"),
        ("[shop]\ndsn = ''", "dsn of profile shop is text, not ''"),
        ("[shop]\ndsn = 'x'\ndanger = 'yes'", "danger of profile shop is true or false, not 'yes'"),
        ("[shop]\ndsn = 'x'\nread_olny = true", "unknown key 'read_olny'.*did you mean read_only"),
        ("[shop]\ndsn = 'x'\nname = 'y'", "unknown key 'name'"),
    ],
)
def test_a_file_that_means_nothing_is_one_error(tmp_path: Path, text: str, message: str) -> None:
    """Naming the file, the profile and what to do."""
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_profiles(path)
    assert str(path) in str(caught.value)
