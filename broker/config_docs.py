"""Writes docs/configuration.md from the options: `python -m broker.config_docs > docs/configuration.md`.

Must not: say anything about a setting that its option does not.
"""

from __future__ import annotations

from itertools import groupby

from broker.config import Config
from broker.config_options import Option, options_of
from broker.config_sources import CONFIG_FLAG, CONFIG_VARIABLE, SECRET_FILE_SUFFIX

HEAD = f"""# Configuration

<!-- Generated from broker/config.py by `python -m broker.config_docs`; a test keeps it in step. -->

Each setting has three names: a flag (`--data-dir`), an environment variable (`BROKER_DATA_DIR`) and a key of a TOML
file (`data_dir`) given with `{CONFIG_FLAG} FILE` or `{CONFIG_VARIABLE}`. A flag wins over a variable, a variable over
the file, the file over the default.

- An unknown flag or key, a value out of range or an unreadable file ends the start with one line and status 2.
- An empty variable counts as absent. Lists are separated by commas; the word `none` is the empty list.
- A variable marked *(or `{SECRET_FILE_SUFFIX}`)* may carry that ending and then names a file that holds the value,
  for secrets that should not stand in the environment.
- In Kubernetes, a service named `broker` makes variables such as `BROKER_PORT=tcp://…` for every pod beside it: name
  the service otherwise, or set `enableServiceLinks: false`.

[tls.md](tls.md) shows the settings of TLS, proxies and unix sockets at work.

```toml
host = "0.0.0.0"
port = 5672
data_dir = "/var/lib/leveret"
loopback_users = []
```
"""


def markdown() -> str:
    """The whole page."""
    sections = [HEAD]
    for group, options in groupby(options_of(Config), key=lambda option: option.group):
        sections.append(f"## {group}\n")
        sections.extend(_entry(option) for option in options)
    return "\n".join(sections)


def _entry(option: Option) -> str:
    names = " or ".join(f"`{name}`" for name in option.environment_names)
    secret = f" *(or `{SECRET_FILE_SUFFIX}`)*" if option.secret_file else ""
    unit = f", in {option.unit}" if option.unit else ""
    return (
        f"### `{option.name}`\n\n{option.help}\n\n"
        f"- Default: {f'`{option.shown_default}`' if option.shown_default else 'empty'}\n"
        f"- Allowed: {option.allowed}{unit}\n"
        f"- Flag `{option.flag}`, variable {names}{secret}\n"
    )


if __name__ == "__main__":
    print(markdown(), end="")
