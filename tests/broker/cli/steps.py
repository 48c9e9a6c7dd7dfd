"""What each brokerctl command is given and has to answer: one table for both doors. Must not: run anything.

{v} is a vhost and {u} a user of the scenario's own, {f} a folder.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A command line, and what it does: exit status, texts on stdout and on stderr; `given` is its standard input."""

    line: str
    status: int = 0
    out: tuple[str, ...] = ()
    err: str = ""
    given: str = ""

    @property
    def words(self) -> list[str]:
        """The command line as arguments."""
        return shlex.split(self.line)

    @property
    def command(self) -> str:
        """The command's name."""
        return self.words[0].replace("-", "_")


ACCOUNTS = (
    Step("add_vhost {v}", out=('Virtual host "{v}" is there.',)),
    Step("add_user {u} --password-file -", out=('User "{u}" is there.',), given="first word\n"),
    Step("add_user {u} other", 70, err='User "{u}" already exists'),
    Step("list_users", out=("user\ttags\n", "{u}\t[]\n", "guest\t[administrator]")),
    Step("set_user_tags {u} monitoring,policymaker management", out=("monitoring, policymaker, management",)),
    Step("list-users --no-table-headers --formatter csv", out=('{u},"[monitoring, policymaker, management]"\n',)),
    Step("authenticate_user {u} 'first word'", out=("are right",)),
    Step("authenticate_user {u} --password-file -", 65, err="the password is wrong", given="wrong\n"),
    Step("change_password {u}", out=("has a new password",), given="second\n"),
    Step("authenticate_user {u} second --json", out=('"authenticated": true',)),
    Step("list_users -q", out=("{u}\t[monitoring, policymaker, management]",)),
    Step("clear_password {u}", out=("has no password",)),
    Step("authenticate_user {u} second", 65, err="the password is wrong"),
    Step("change_password nobody-{u} x", 67, err='User "nobody-{u}" does not exist'),
    Step("set_user_tags nobody-{u} x", 67, err="does not exist"),
    Step("clear_password nobody-{u}", 67, err="does not exist"),
    Step("set_permissions -p {v} {u} '^a' '' '.*'", out=('User "{u}" has these rights',)),
    Step("set_permissions -p {v} {u} '(' '' ''", 65, err="("),
    Step("set_permissions -p nowhere-{v} {u} a b c", 65, err="nowhere-{v}"),
    Step("set_permissions -p {v} nobody-{u} a b c", 67, err="does not exist"),
    Step("list_permissions -p {v}", out=("user\tconfigure\twrite\tread\n", "{u}\t^a\t\t.*\n")),
    Step("list_permissions -p nowhere-{v}", 65, err="nowhere-{v}"),
    Step("list_user_permissions {u}", out=("vhost\tconfigure\twrite\tread\n", "{v}\t^a\t\t.*\n")),
    Step("list_user_permissions nobody-{u}", 67, err="does not exist"),
    Step("set_topic_permissions -p {v} {u} amq.topic '^a' '^{{username}}'", out=('on exchange "amq.topic"',)),
    Step("list_topic_permissions -p {v}", out=("user\texchange\twrite\tread\n", "{u}\tamq.topic\t^a\t^{{username}}\n")),
    Step("list_user_topic_permissions {u}", out=("{v}\tamq.topic\t^a\t^{{username}}\n",)),
    Step("clear_topic_permissions -p {v} {u} amq.topic"),
    Step("list_topic_permissions -p {v} -s", out=("",)),
    Step("clear_permissions -p {v} {u}"),
    Step("list_user_permissions {u} --json", out=("[]",)),
    Step("hash_password secret", out=("\n",)),
    Step("hash_password --algorithm sha512 --json", out=('"rabbit_password_hashing_sha512"',), given="secret\n"),
    Step("hash_password ''", 65, err="password"),
    Step('set_user_limits {u} \'{{"max-connections": 5, "max-channels": 9}}\''),
    Step("set_user_limits {u} nonsense", 65, err="not JSON"),
    Step('set_user_limits {u} \'{{"max-channels": "many"}}\'', 65, err="whole number"),
    Step("set_user_limits nobody-{u} '{{\"max-channels\": 1}}'", 67, err="does not exist"),
    Step("list_user_limits --user {u}", out=("max-connections", "max-channels")),
    Step("clear_user_limits {u} max-channels"),
    Step("list_user_limits", out=('{u}\t{{"max-connections": 5}}',)),
    Step("clear_user_limits {u} all"),
    Step("list_user_limits --user {u} --json", out=("[]",)),
    Step("delete_user {u}", out=('User "{u}" is gone.',)),
    Step("delete_user {u}", 67, err='User "{u}" does not exist'),
    Step("delete_vhost {v}", out=('Virtual host "{v}" is gone.',)),
    Step("delete_vhost {v}", 65, err="{v}"),
)
VHOSTS = (
    Step("add_vhost {v} --description 'For orders' --tags blue,green", out=('Virtual host "{v}" is there.',)),
    Step("list_vhosts name description tags", out=("{v}\tFor orders\t[blue, green]\n",)),
    Step("set_vhost_tags {v} red"),
    Step("update_vhost_metadata {v} --description 'Other orders'"),
    Step("list_vhosts name description tags", out=("{v}\tOther orders\t[red]\n",)),
    Step("set_vhost_tags nowhere-{v} red", 65, err="nowhere-{v}"),
    Step("set_vhost_limits -p {v} '{{\"max-queues\": 7}}'"),
    Step("set_vhost_limits -p {v} '{{}}'", 65, err="no limit is given"),
    Step("list_vhost_limits -p {v}", out=('{v}\t{{"max-queues": 7}}\n',)),
    Step("clear_vhost_limits -p {v}"),
    Step("list_vhost_limits -p {v} --silent"),
    Step("delete_vhost {v}"),
)
QUEUES = (
    Step("add_vhost {v}"),
    Step("declare_queue -p {v} tasks -a x-max-priority=5 -a x-queue-mode=lazy", out=('Queue "tasks" is there',)),
    Step("declare_queue -p {v} tasks", 65, err="inequivalent arg 'x-max-priority'"),
    Step("declare_queue -p {v} other --transient --auto-delete --type classic"),
    Step("declare_queue -p {v} bad --arguments '{{'", 65, err="not JSON"),
    Step("declare_exchange -p {v} events --type topic --transient"),
    Step("declare_exchange -p {v} inner --internal --auto-delete --arguments '{{\"alternate-exchange\": \"events\"}}'"),
    Step("list_exchanges -p {v} name type durable", out=("events\ttopic\tfalse\n", "amq.direct\tdirect\ttrue\n")),
    Step("bind -p {v} events tasks -k 'a.#' -a x=1", out=('Queue "tasks" is bound to "events"',)),
    Step("bind -p {v} events inner --to exchange"),
    Step("bind -p {v} nothing tasks", 65, err="nothing"),
    Step("list_bindings -p {v}", out=("source_name\tsource_kind\tdestination_name\tdestination_kind\trouting_key\t",
                                      'events\texchange\ttasks\tqueue\ta.#\t{{"x": 1}}\n',
                                      "events\texchange\tinner\texchange\t\t{{}}\n")),
    Step("unbind -p {v} events tasks -k other", 65, err="brokerctl list_bindings"),
    Step("unbind -p {v} events tasks -k 'a.#' -a x=1"),
    Step("unbind -p {v} events inner --to exchange"),
    Step("list_bindings -p {v} destination_name routing_key --json", out=('"destination_name": "tasks"',)),
    Step("list_queues -p {v}", out=("name\tmessages\nother\t0\ntasks\t0\n",)),
    Step("list_queues -p {v} name policy state owner_pid arguments --online", out=("tasks\t\trunning\t\t{{",)),
    Step("list_queues -p {v} --offline -q", out=("name\tmessages\n",)),
    Step("list_queues --all-vhosts --formatter json", out=('"vhost": "{v}"',)),
    Step("list_queues -p {v} nonsense", 64, err="nonsense"),
    Step("list_queues -p nowhere-{v}", 65, err="nowhere-{v}"),
    Step("list_consumers -p {v}", out=("queue_name\tchannel_pid\tconsumer_tag\t",)),
    Step("change_queue -p {v} other -a x-max-priority=9 -a x-message-ttl=1000 --dry-run",
         out=("argument\tbefore\tafter\n", "x-max-priority\t\t9\n", "x-message-ttl\t\t1000\n")),
    Step("change_queue -p {v} other -a x-max-priority=9 -a x-message-ttl=1000", out=("x-max-priority\t\t9\n",)),
    Step("change_queue -p {v} other --remove x-message-ttl --json", out=('"before": 1000', '"after": null')),
    Step("change_queue -p {v} other -a x-message-ttl=-1", 65, err="{{value_negative,-1}}"),
    Step("change_queue -p {v} other -a x-queue-type=quorum", 65, err="of queue type rabbit_quorum_queue"),
    Step("change_queue -p {v} other -a x-max-prioriti=9", 65, err="no argument of queues is called 'x-max-prioriti'"),
    Step("change_queue -p {v} other", 65, err="nothing to change"),
    Step("change_queue -p {v} nothing -a x-message-ttl=1", 65, err="nothing"),
    Step("purge_queue -p {v} tasks"),
    Step("purge_queue -p {v} nothing", 65, err="nothing"),
    Step("delete_queue -p {v} tasks --if-empty --if-unused"),
    Step("delete_queue -p {v} tasks", 65, err="tasks"),
    Step("delete_exchange -p {v} events --if-unused"),
    Step("delete_exchange -p {v} events", 65, err="events"),
    Step("delete_vhost {v}"),
)  # fmt: skip
MESSAGES = (
    Step("add_vhost {v}"),
    Step("set_permissions -p {v} guest '.*' '.*' '.*'"),
    Step("declare_queue -p {v} q"),
    Step("publish -p {v} q hello --property correlation_id=7 --property priority=3 --header a=[1] --repeat 2",
         out=("2 messages are published.",)),
    Step("publish -p {v} q", out=("The message is published.",), given="from a pipe"),
    Step("publish -p {v} nothing lost", 1, out=("went to no queue",)),
    Step("publish -p {v} -x nowhere q lost", 65, err="nowhere"),
    Step("publish -p {v} q --file {f}/nothing", 66, err="cannot be read"),
    Step("publish -p {v} q x --property nonsense=1", 65, err="nonsense is no property"),
    Step("publish -p {v} q x --header nonsense", 65, err="NAME=VALUE"),
    Step("peek -p {v} q", out=("5 bytes", "correlation_id: 7", "a: [1]", "hello")),
    Step("peek -p {v} q 3 --json", out=('"payload": "from a pipe"',)),
    Step("peek -p {v} q -c 5 --search PIPE --formatter table", out=("\tfrom a pipe\n",)),
    Step("peek -p {v} nothing", 65, err="nothing"),
    Step("get -p {v} q", out=("5 bytes", "correlation_id: 7", "priority: 3", "a: [1]", "hello")),
    Step("get -p {v} q --json", out=('"redelivered": true',)),
    Step("get -p {v} q --count 2 --ack --formatter table", out=("routing_key\t", "\thello\n")),
    Step("get -p {v} q --reject --payload-file {f}/body", out=("11 bytes",)),
    Step("get -p {v} q --ackmode ack_requeue_false", out=("No message waits",)),
    Step("get -p {v} nothing", 65, err="nothing"),
    Step("delete_vhost {v}"),
)  # fmt: skip
DIED = (  # a dead letter's header, in the place of QUEUE the queue it died in
    '--header \'x-death=[{{"queue": "QUEUE", "reason": "expired", "exchange": "", "routing-keys": ["QUEUE"]}}]\''
)
MOVING = (
    Step("add_vhost {v}"),
    *(Step(f"declare_queue -p {{v}} {name}") for name in ("a", "b", "work", "dead")),
    Step("publish -p {v} a one --repeat 5 --header n=1"),
    Step("publish -p {v} a two --header n=2"),
    Step("move -p {v} a b --count 2", out=('2 messages moved from queue "a" to queue b.',)),
    Step("move -p {v} a b --header n=2 --json", out=('"kind": "move"', '"state": "done"', '"done": 1')),
    Step("copy -p {v} a --exchange amq.default --routing-key b", 65, err="amq.default"),
    Step("copy -p {v} a --exchange '' --routing-key b --rate 1000", out=("3 messages copied",)),
    Step("move -p {v} a a", 65, err="is where the messages are already"),
    Step("move -p {v} a", 65, err="say where to"),
    Step("move -p {v} a nowhere", 65, err="no queue 'nowhere'"),
    Step("move -p {v} a --exchange amq.direct --routing-key x", 65, err="no queue is bound"),
    Step("list_queues -p {v} name messages", out=("a\t3\n", "b\t6\n")),
    Step("move -p {v} a b --body one --no-wait", out=("is running",)),
    Step("list_jobs", out=("id\tkind\tstate\tvhost", "\tmove\tdone\t{v}\ta\tqueue b\t2\t2\t")),
    *(Step("publish -p {v} dead body " + DIED.replace("QUEUE", queue)) for queue in ("work", "gone")),
    Step("publish -p {v} dead alive"),
    Step("list_dead_letters -p {v} dead", out=("reason\tqueue\ttask\tcount\n", "expired\twork\t\t1\n")),
    Step("replay -p {v} dead --died-in work --reason expired", out=("1 message replayed",)),
    Step("replay -p {v} dead", 65, err="no queue 'gone'"),
    Step("get -p {v} work", out=("x-replays: 1", "x-deaths-before-replay")),
    Step("copy -p {v} b a --rate 1 --no-wait --json", out=('"state": "running"',)),
    Step("cancel_job 999999", 65, err="no job"),
    Step("delete_vhost {v}"),
)  # fmt: skip
POLICIES = (
    Step("add_vhost {v}"),
    Step("set_policy -p {v} --priority 3 --apply-to queues ttl '^q' '{{\"message-ttl\": 1000}}'",
         out=('"ttl" is set',)),
    Step("set_policy -p {v} bad '^q' '{{\"nonsense\": 1}}'", 65, err="nonsense"),
    Step("set_policy -p {v} bad '^q' nonsense", 65, err="not JSON"),
    Step("list_policies -p {v}", out=("vhost\tname\tpattern\tapply-to\tdefinition\tpriority\n",
                                      '{v}\tttl\t^q\tqueues\t{{"message-ttl": 1000}}\t3\n')),
    Step("clear_policy -p {v} ttl"),
    Step("clear_policy -p {v} ttl", 65, err="ttl"),
    Step("set_operator_policy -p {v} cap '.*' '{{\"max-length\": 10}}'"),
    Step("list_operator_policies -p {v}", out=("{v}\tcap\t.*\tqueues\t",)),
    Step("clear_operator_policy -p {v} cap"),
    Step("list_operator_policies -p {v} --json", out=("[]",)),
    Step("set_global_parameter {v} '{{\"a\": 1}}'"),
    Step("set_global_parameter {v} nonsense", 65, err="not JSON"),
    Step("list_global_parameters", out=('{v}\t{{"a": 1}}\n',)),
    Step("clear_global_parameter {v}"),
    Step("set_parameter -p {v} nothing name nonsense", 65, err="not JSON"),
    Step("clear_parameter -p {v} nothing name", 65, err="does not exist"),
    Step("set_parameter -p {v} vhost-limits limits '{{\"max-queues\": 3}}'"),
    Step("list_parameters -p {v}", out=("component\tname\tvalue\n", 'vhost-limits\tlimits\t{{"max-queues": 3}}\n')),
    Step("clear_parameter -p {v} vhost-limits limits"),
    Step("set_cluster_name {v}"),
    Step("status", out=("{v}",)),
    Step("delete_vhost {v}"),
)  # fmt: skip
DEFINITIONS = (
    Step("add_vhost {v}"),
    Step("declare_queue -p {v} kept"),
    Step("export_definitions {f}/all.json", out=("queues",)),
    Step("export_definitions -p {v} - --json", out=('"kept"',)),
    Step("delete_queue -p {v} kept"),
    Step("import_definitions {f}/all.json", out=("The broker has taken", "queues")),
    Step("list_queues -p {v} -s", out=("kept\t0\n",)),
    Step("import_definitions {f}/nothing.json", 66, err="cannot be read"),
    Step("import_definitions -", 65, err="not JSON", given="nonsense"),
    Step("import_definitions -p {v} --json", given='{{"queues": [{{"name": "piped", "durable": true}}]}}',
         out=('"queues": 1',)),
    Step("list_queues -p {v} -s", out=("piped\t0\n",)),
    Step("export_definitions {f}/nowhere/all.json", 73, err="cannot be written"),
    Step("delete_vhost {v}"),
)  # fmt: skip
NODE = (
    Step("status", out=("Version ", "Alarms           none\n", "Listener         amqp on 127.0.0.1:")),
    Step("status --json", out=('"node_details"',)),
    Step("version", out=("Leveret",)),
    Step("server_version", out=("Announced", "3.13")),
    Step("environment", out=("loopback_users", "fsync")),
    Step("listeners", out=("protocol\tip_address\tport\n", "amqp\t127.0.0.1\t")),
    Step("await_startup --timeout 20", out=("The broker is up.",)),
    Step("ping", out=("Ping succeeded.",)),
    Step("check_running", out=("is running",)),
    Step("check_local_alarms", out=("No alarm",)),
    Step("check_alarms --json", out=('"status": "ok"',)),
    Step("check_port_connectivity", out=("Connections can be made",)),
    Step("check_port_connectivity --address 127.255.255.254", 69, err="no connection could be made"),
    Step("check_port_listener {port}", out=("listens on port",)),
    Step("check_port_listener 1", 69, err="listener"),
    Step("check_virtual_hosts"),
    Step("check_certificate_expiration --within 3 --unit months"),
    Step("log_tail -N 3 --json", out=('"message"',)),
    Step("log_tail", out=("INFO",)),
    Step("top --once", out=("queue\tvhost\tready\t",)),
    Step("top --once --sort total --json", out=('"queues"',)),
    Step("top", 64, err="--once"),
    Step("completion bash", out=("_BROKERCTL_COMPLETE=bash_complete",)),
    Step("completion zsh", out=("compdef",)),
    Step("completion fish", out=("complete ",)),
    Step("completion tcsh", 64, err="tcsh"),
    Step("list_connections", out=("user\tpeer_host\tpeer_port\tstate\n",)),
    Step("list_channels", out=("pid\tuser\t",)),
    Step("close_connection nothing", 65, err="nothing"),
    Step("status -n rabbit@localhost", out=("Version ",)),
    Step("list_queue", 64, err="did you mean list_queues?"),
    Step("add_user", 64, err="USERNAME"),
)
SCENARIOS = {
    "accounts": ACCOUNTS, "vhosts": VHOSTS, "queues": QUEUES, "messages": MESSAGES, "moving": MOVING,
    "policies": POLICIES, "definitions": DEFINITIONS, "node": NODE,
}  # fmt: skip
# Commands whose tests need more than a line: test_live, test_doctor, test_convert and test_log.
ELSEWHERE = frozenset({
    "close_connection", "close_all_connections", "close_all_user_connections", "convert_rabbitmq_conf", "doctor", "log",
    "shutdown", "stop", "trace",
})  # fmt: skip
