"""The one table of brokerctl's commands: section, module, names; help, docs, completion and tests read it.

Must not: import a command.
"""

from __future__ import annotations

from typing import Final

COMMANDS: Final = "broker.cli.commands"
_TABLE: Final[dict[str, dict[str, str]]] = {
    "Accounts": {
        "users": "add_user delete_user change_password clear_password authenticate_user set_user_tags list_users "
                 "hash_password",
        "permissions": "set_permissions clear_permissions list_permissions list_user_permissions "
                       "set_topic_permissions clear_topic_permissions list_topic_permissions "
                       "list_user_topic_permissions",
        "user_limits": "set_user_limits clear_user_limits list_user_limits",
    },
    "Virtual hosts": {
        "vhosts": "add_vhost delete_vhost list_vhosts set_vhost_tags update_vhost_metadata",
        "vhost_limits": "set_vhost_limits clear_vhost_limits list_vhost_limits",
    },
    "Queues, exchanges, bindings": {
        "listings": "list_queues list_exchanges list_bindings list_consumers",
        "queues": "declare_queue change_queue delete_queue purge_queue",
        "streams": "list_stream_offsets delete_stream_offset",
        "exchanges": "declare_exchange delete_exchange bind unbind",
        "deduplication": "clear_deduplication",
    },
    "Messages": {
        "publish": "publish",
        "messages": "get peek",
        "moving": "move copy replay rewind dead_letters list_jobs cancel_job",
        "dead_letters": "list_dead_letter_queues",
        "held": "list_held cancel_held reschedule_held release_held",
        "trace": "trace",
    },
    "Connections": {
        "connections": "list_connections list_channels close_connection close_all_connections "
                       "close_all_user_connections",
    },
    "Policies and parameters": {
        "policies": "set_policy clear_policy list_policies set_operator_policy clear_operator_policy "
                    "list_operator_policies",
        "parameters": "set_parameter clear_parameter list_parameters set_global_parameter clear_global_parameter "
                      "list_global_parameters set_cluster_name",
    },
    "Definitions": {
        "definitions": "export_definitions import_definitions",
        "convert": "convert_rabbitmq_conf",
    },
    "The broker": {
        "node": "status version server_version environment listeners await_startup stop shutdown",
        "logs": "log_tail",
        "log": "log",
    },
    "Diagnostics": {
        "doctor": "doctor",
        "top": "top",
        "checks": "ping check_running check_local_alarms check_alarms check_port_connectivity check_port_listener "
                  "check_virtual_hosts check_certificate_expiration",
    },
    "This command": {
        "completion": "completion",
    },
}  # fmt: skip
_ELSEWHERE: Final = {"log": "broker.cli.log"}

# Section, then module, then the names of the commands in it.
SECTIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    section: {_ELSEWHERE.get(module, f"{COMMANDS}.{module}"): tuple(names.split()) for module, names in modules.items()}
    for section, modules in _TABLE.items()
}
MODULES: Final[dict[str, str]] = {
    name: module for modules in SECTIONS.values() for module, names in modules.items() for name in names
}
