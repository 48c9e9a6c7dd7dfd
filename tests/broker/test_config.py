"""Settings: one dataclass, four sources, one line per mistake."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from broker.config import GENERATED_PASSWORD, Config, ConfigError, load_config
from broker.config_options import Option, as_text, options_of
from broker.config_sources import command_line, unknown_variables
from building.modules import CORE

HOME = {"HOME": "/home-of-a-test"}
OPTIONS = tuple(options_of(Config))


def given(argv: list[str] | None = None, **environ: str) -> Config:
    return load_config(argv or [], {**HOME, **environ})


def another_value(option: Option) -> str:
    """Text for a value that is allowed and not the default."""
    if option.choices:
        return next(choice for choice in option.choices if choice != option.default)
    if option.kind is bool:
        return as_text(not option.default)
    if option.kind in (int, float):
        assert option.maximum is not None
        return str(option.maximum if option.maximum != option.default else option.minimum)
    return "/another/place" if option.kind is Path else "another"


def toml_text(option: Option, text: str) -> str:
    if option.kind is tuple:
        return f'{option.name} = ["{text}"]'
    bare = option.kind in (int, float, bool)
    return f"{option.name} = {text}" if bare else f'{option.name} = "{text}"'


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
class TestEverySetting:
    def test_is_taken_from_flag_variable_and_file_alike(self, option: Option, tmp_path: Path) -> None:
        text = another_value(option)
        file = tmp_path / "broker.toml"
        file.write_text(toml_text(option, text))
        wanted = option.parse(text)
        assert wanted != option.default
        for config in (
            given([option.flag, text]),
            given(**dict.fromkeys(option.environment_names[:1], text)),
            given(["--config", str(file)]),
        ):
            assert getattr(config, option.name) == wanted

    def test_default_is_allowed(self, option: Option) -> None:
        assert option.parse(as_text(option.default)) == option.default

    def test_has_a_name_that_ends_in_its_unit(self, option: Option) -> None:
        assert option.unit in ("", "fraction") or option.name.endswith("_" + option.unit)

    def test_stands_in_the_help(self, option: Option) -> None:
        help_text = " ".join(command_line(OPTIONS).format_help().split())
        assert option.flag in help_text
        assert "".join(option.help.split()) in "".join(help_text.split())


def test_flag_beats_variable_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text("port = 3\nheartbeat_s = 3\nchannel_max = 3\n")
    config = given(["--port", "1", "--config", str(file)], BROKER_PORT="2", BROKER_HEARTBEAT_S="2")
    assert (config.port, config.heartbeat_s, config.channel_max, config.frame_max_bytes) == (1, 2, 3, 131072)


def test_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text("port = 3")
    assert given(BROKER_CONFIG=str(file)).port == 3


@pytest.mark.parametrize(
    ("argv", "environ", "text", "expected"),
    [
        (["--port", "70000"], {}, "", "--port: '70000' is not allowed; port is a whole number from 0 to 65,535"),
        (["--port", "x"], {}, "", "--port: 'x' is not allowed"),
        (["--prot", "1"], {}, "", "unrecognized arguments: --prot"),
        (["--por", "1"], {}, "", "unrecognized arguments: --por"),
        ([], {"BROKER_PORT": "-1"}, "", "environment variable BROKER_PORT: '-1' is not allowed"),
        ([], {"BROKER_LOG_LEVEL": "loud"}, "", "log_level is one of debug, info, warning, error"),
        ([], {"BROKER_GENERATE_DEFAULT_PASS": "maybe"}, "", "is true or false"),
        ([], {"BROKER_MEMORY_HIGH_WATERMARK": "nan"}, "", "a number from 0.01 to 1.0"),
        ([], {"RABBITMQ_DEFAULT_PASS_FILE": "/does/not/exist"}, "", "RABBITMQ_DEFAULT_PASS_FILE: cannot read"),
        ([], {}, "prot = 1", "unknown key 'prot'; did you mean 'port'?"),
        ([], {}, "[listen]\nport = 1", "unknown key 'listen'"),
        ([], {}, "port = '1'", "port: '1' is not allowed"),
        ([], {}, "port = true", "port: True is not allowed"),
        ([], {}, "port = 1.0", "port: 1.0 is not allowed"),
        ([], {}, "loopback_users = 'guest'", "names separated by commas, or none"),
        ([], {}, "loopback_users = [1]", "names separated by commas, or none"),
        ([], {}, "default_vhost = ''", "default_vhost is text, not empty"),
        ([], {}, "port = ", "not TOML"),
    ],
)
def test_mistake_is_one_line_that_says_where_and_what(
    argv: list[str], environ: dict[str, str], text: str, expected: str, tmp_path: Path
) -> None:
    if text:
        (tmp_path / "broker.toml").write_text(text)
        argv = ["--config", str(tmp_path / "broker.toml")]
    with pytest.raises(ConfigError) as caught:
        given(argv, **environ)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for path, reason in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory"), (binary, "not UTF-8")):
        with pytest.raises(ConfigError, match=reason) as caught:
            given(["--config", str(path)])
        assert str(path) in str(caught.value)


def test_secrets_are_not_repeated_in_errors() -> None:
    with pytest.raises(ConfigError) as caught:
        given(BROKER_DEFAULT_PASS="hush\0hush")
    assert "hush" not in str(caught.value)


def test_rabbitmq_variables_are_aliases_and_ours_win() -> None:
    config = given(
        RABBITMQ_DEFAULT_USER="u", RABBITMQ_DEFAULT_PASS="p", RABBITMQ_DEFAULT_VHOST="v", BROKER_DEFAULT_USER="o"
    )
    assert (config.default_user, config.default_pass, config.default_vhost) == ("o", "p", "v")


@pytest.mark.parametrize("name", ["RABBITMQ_DEFAULT_PASS_FILE", "BROKER_DEFAULT_PASS_FILE"])
def test_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret \n")
    assert given(**{name: str(tmp_path / "secret")}).default_pass == "s3cret "


def test_empty_variable_counts_as_absent() -> None:
    assert given(BROKER_PORT="", RABBITMQ_DEFAULT_PASS="") == given()


def test_lists() -> None:
    assert given(BROKER_LOOPBACK_USERS="a, b").loopback_users == ("a", "b")
    assert given(["--loopback-users", "none"]).loopback_users == ()


def test_bare_flag_is_true() -> None:
    assert given(["--generate-default-pass"]).generate_default_pass is True


def test_password_is_generated_only_where_none_is_given() -> None:
    assert given().default_pass == "guest"
    assert given(BROKER_GENERATE_DEFAULT_PASS="true").default_pass == GENERATED_PASSWORD
    assert given(BROKER_GENERATE_DEFAULT_PASS="true", RABBITMQ_DEFAULT_PASS="").default_pass == GENERATED_PASSWORD
    assert given(BROKER_GENERATE_DEFAULT_PASS="true", RABBITMQ_DEFAULT_PASS="p").default_pass == "p"


def test_data_folder_is_per_user(tmp_path: Path) -> None:
    assert given().data_dir == Path("/home-of-a-test/.local/share/leveret")
    assert given(XDG_DATA_HOME=str(tmp_path)).data_dir == tmp_path / "leveret"
    assert given(["--data-dir", "/d"], XDG_DATA_HOME=str(tmp_path)).data_dir == Path("/d")
    assert given(["--data-dir", "~/d"]).data_dir == Path("/home-of-a-test/d")
    assert given(["--data-dir", "d"]).data_dir == Path.cwd() / "d"


def test_data_folder_without_a_home_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="give --data-dir"):
        load_config([], {})


def test_unknown_variables_are_listed_for_a_warning() -> None:
    environ = {"BROKER_PROT": "1", "BROKER_PORT": "1", "BROKER_CONFIG": "f", "BROKER_DEFAULT_PASS_FILE": "f", "X": ""}
    assert unknown_variables(OPTIONS, environ) == ["BROKER_PROT"]


def test_config_cannot_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        given().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_end_well(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        given([flag])
    assert caught.value.code == 0
    assert "leveret" in capsys.readouterr().out


def test_loading_settings_needs_no_third_party_import() -> None:
    code = "import sys; before = set(sys.modules); import broker.config; print(*(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in result.stdout.split()}
    assert not imported - set(sys.stdlib_module_names) - {"broker", "storage", f"{CORE}__mypyc"}
