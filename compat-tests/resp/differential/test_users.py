"""ACL beside Redis 7.0: the same rules, errors and refusals; where 7.2 words otherwise, in its words."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import servers  # noqa: E402
from wire import Connection, Reply  # noqa: E402

RULES = """
on | off | nopass | on nopass ~* &* +@all | allkeys allchannels allcommands | ~a* ~b* ~a*
%R~a %W~b %RW~c %rw~d | %R~a %W~a | &ch* &x resetchannels &y
~a resetkeys ~b | +get +set -set | +client|id | +client -client|id | +client|id -client | +select|0 +select|1
+@read -get | +@all -@dangerous
+@all -client|list | -@all +@string | +@keyspace -keys +keys | +GET -Set | +config|get | >a | >a >b <a
>a #e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
>a resetpass | >a nopass | (+get ~x) (+set ~y) | (+get ~x) clearselectors | ( +get ~x ) | on ~* +@all reset | ()
(+@all -get %R~z &c)
skip-sanitize-payload | skip-sanitize-payload sanitize-payload | ~ | & | > | allcommands nocommands +get
~* resetkeys ~q | -debug | +xgroup|create +xinfo -xinfo|help
+foo | +@foo | -@foo | +client|foo | +client|id|x | -select|0 | +select| | %X~a | %~a | %RR~a | bogus | (on)
( +get | (+get | <nope | !abc | #zz
allkeys ~x | allchannels &x | ~a b | + | - | +@ | +@all|x | (bogus) | (+foo) | on bogus | >p <q | get
"""
"""What `ACL SETUSER` is told, a new user each."""

USERS = {
    "r": "on nopass +@all ~a* %R~r* %W~w* &ch*",
    "s": "on nopass -@all +get ~a (+set ~b) (+@list -lpush ~c* &d)",
    "c": "on nopass allkeys +@read -mget +client|id +select|1",
}
COMMANDS = """
get a | get b | get r1 | get w1 | set a 1 | set b 1 | set r1 1 | set w1 1 | set w1 1 get | append w1 x
getdel w1 | mget a1 a2 | mget a1 b | exists w1 | type r1
copy r1 w1 | copy w1 r1 | rename a1 w1 | rename a1 a2 | sort a1 | sort a1 store w1 | sort a1 store r1
lpush c1 x | rpush c1 x | llen c2 | lmove c1 c2 left left
bitfield r1 get u8 0 | bitfield r1 set u8 0 1 | xread streams a1 r1 0 0 | xread streams a1 w1 0 0
zunionstore a1 2 r1 r2 | zunionstore r1 1 a1
publish ch1 m | publish d m | subscribe ch1 | subscribe d e | psubscribe ch* | psubscribe c* | spublish ch1 m
ssubscribe d | unsubscribe zz | client id
client list | client no-evict on | select 0 | select 1 | select 2 | ping | auth x | hello 3 | quit | reset
flushall | keys * | object encoding a1 | object encoding zz
memory usage zz | eval return 1 a1 | georadius a1 1 1 1 m store zz | expire r1 5 | expire a1 5 | touch w1
ttl w1 | dump w1 | hset a1 f v | hget w1 f | mset a1 1 zz 2
"""


@pytest.fixture(scope="module")
def connections() -> Iterator[tuple[Connection, Connection]]:
    with servers.hyperdb("--sync", "everysec") as ours, servers.redis() as theirs:
        pair = Connection(ours.port, 3), Connection(theirs.port, 3)
        with contextlib.closing(pair[0]), contextlib.closing(pair[1]):
            yield pair


def parts(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


def ask(connection: Connection, *words: str) -> Reply:
    return connection.call(*(word.encode() for word in words))


def shown(reply: Reply) -> object:
    """A user without what 7.2 shows otherwise: `sanitize-payload`, and rules of commands in the order of 7.0's own."""
    if isinstance(reply.payload, list):
        pairs = [each.payload for each in reply.payload]
        names = [name for name in pairs[::2] if isinstance(name, bytes)]
        values = dict(zip(names, reply.payload[1::2], strict=True))
        flags = [each for each in values[b"flags"].payload if each.payload != b"sanitize-payload"]  # type: ignore[union-attr]
        rest = {name: str(value) for name, value in values.items() if name not in (b"flags", b"commands", b"selectors")}
        return [str(flag) for flag in flags], rest
    return str(reply)


@pytest.mark.parametrize("rules", parts(RULES))
def test_rules_are_taken_and_refused_as_by_redis(connections: tuple[Connection, Connection], rules: str) -> None:
    said = []
    for connection in connections:
        ask(connection, "ACL", "DELUSER", "u")
        answer = ask(connection, "ACL", "SETUSER", "u", *rules.split())
        said.append((str(answer), shown(ask(connection, "ACL", "GETUSER", "u"))))
    assert said[0] == said[1]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("command", parts(COMMANDS))
def test_what_a_user_may_is_what_redis_lets_him(connections: tuple[Connection, Connection], user: str, command: str) -> None:
    said = []
    for connection in connections:
        ask(connection, "ACL", "SETUSER", user, "reset", *USERS[user].split())
        answer = str(ask(connection, "ACL", "DRYRUN", user, *command.split()))
        said.append(answer.replace("This user has", f"User {user} has"))
    assert said[0] == said[1]


def test_categories_are_those_of_redis(connections: tuple[Connection, Connection]) -> None:
    ours, theirs = connections
    categories = ask(theirs, "ACL", "CAT").payload
    assert ask(ours, "ACL", "CAT").payload == categories
    served = {each.payload for each in ask(ours, "ACL", "CAT", "slow").payload} | {
        each.payload for each in ask(ours, "ACL", "CAT", "fast").payload
    }
    for category in categories:
        words = "ACL", "CAT", category.payload.decode()
        found = [{each.payload for each in ask(connection, *words).payload} for connection in connections]
        newer = {b"client|setinfo", b"client|no-touch", b"waitaof"}
        own = {name for name in found[0] if name.startswith(b"hyper.")} | newer
        assert found[0] - own == found[1] & served, category


@pytest.mark.parametrize(
    "command",
    """ACL GENPASS 0 | ACL GENPASS 4097 | ACL GENPASS x | ACL LOG x | ACL LOG -1 | ACL LOG RESET
    ACL GETUSER nobody | ACL CAT nothing | ACL DELUSER default
    ACL DRYRUN nobody get a | ACL DRYRUN r nothing | ACL DRYRUN r get | ACL LOG 1 2 | ACL CAT a b | ACL WHOAMI
    ACL | ACL NOTHING | ACL GETUSER | AUTH x
    AUTH default x | AUTH nobody x | HELLO 3 AUTH nobody x | CLIENT KILL USER nobody | CLIENT TRACKING
    CLIENT TRACKING maybe | CLIENT CACHING YES
    CLIENT TRACKING ON PREFIX a | CLIENT TRACKING ON OPTIN OPTOUT | CLIENT TRACKING ON BCAST OPTIN
    CLIENT TRACKING ON REDIRECT 9999 | CLIENT GETREDIR
    CLIENT TRACKINGINFO | CLIENT NO-EVICT maybe | CLIENT REPLY maybe | CLIENT PAUSE x | CLIENT PAUSE 1 maybe
    CLIENT UNBLOCK x | CLIENT KILL ID x
    CLIENT KILL TYPE x | CLIENT KILL SKIPME maybe | CLIENT LIST TYPE x | CLIENT LIST ID x
    CONFIG SET notify-keyspace-events x | CONFIG GET notify-keyspace-events
    """.replace("\n", " | ")
    .strip(" |")
    .split(" | "),
)
def test_answers_are_those_of_redis(connections: tuple[Connection, Connection], command: str) -> None:
    ours, theirs = (str(ask(connection, *command.split())) for connection in connections)
    assert ours == theirs
