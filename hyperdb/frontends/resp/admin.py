"""Administration commands: those that touch no key and may take their time, off the native loop.

Theory: a table from command name (`config|get`) to a method; arity and existence were checked by the native dispatcher
from the same command table. Invariant: every row of the command table with executor `python` has an entry here, and
nothing else has; a test compares them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from hyperdb.frontends.resp import acl, cluster, command_info, config, hyper, info, memory, migrate, table
from hyperdb.frontends.resp.answers import OK, Answer, Failure, Simple, Verbatim
from hyperdb.frontends.resp.control import Client, Control
from hyperdb.frontends.resp.data_set import DataSets
from hyperdb.frontends.resp.numbers import integer

Run = Callable[["Admin", Client, Sequence[bytes]], Answer]

_LOLWUT = "\n".join(("   *", "  /|\\", " *-+-*   vertices and hyperedges", "  \\|/", "   *", ""))
_NO_MODULES = Failure("ERR modules are not supported: there is no module ABI in HyperDB")


class Admin:
    """Runs administration commands for clients of one server."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.last_save = int(control.now())
        self.saved_changes = 0
        """How many changes there had been at the last save."""
        self.data_sets = DataSets()
        self.sockets = migrate.Sockets()

    def call(self, client: Client, args: Sequence[bytes]) -> Answer:
        """Runs one command; `args[0]` is its name as the client wrote it."""
        name = args[0].decode("latin-1").lower()
        if len(args) > 1:
            nested = f"{name}|{args[1].decode('latin-1').lower()}"
            if nested in table.commands():
                name = nested
        run = COMMANDS.get(name)
        if run is None:
            shown = args[1].decode("utf-8", "replace") if len(args) > 1 else ""
            return Failure(f"ERR unknown subcommand '{shown}'. Try {name.upper()} HELP.")
        return run(self, client, args)

    def _help(self, _: Client, args: Sequence[bytes]) -> Answer:
        name = args[0].decode("latin-1").lower()
        lines = [f"{name.upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
        for command in table.subcommands(name):
            lines.append(command.syntax.partition(" ")[2])
            lines.append(f"    {command.summary}")
        return [Simple(line) for line in lines]

    def _info(self, _: Client, args: Sequence[bytes]) -> Answer:
        return Verbatim(info.render(self.control, args[1:]))

    def _config_get(self, _: Client, args: Sequence[bytes]) -> Answer:
        return config.get(self.control, args[2:])

    def _config_set(self, _: Client, args: Sequence[bytes]) -> Answer:
        return config.set_(self.control, args[2:])

    def _config_resetstat(self, _: Client, __: Sequence[bytes]) -> Answer:
        self.control.reset_stats()
        return OK

    def _config_rewrite(self, _: Client, __: Sequence[bytes]) -> Answer:
        return Failure("ERR The server is running without a config file")

    def _save(self, _: Client, __: Sequence[bytes]) -> Answer:
        changes = self.control.server_stats().get("changes", 0)
        self.control.sync()
        self.control.flush_storage()
        self.saved_changes = changes
        self.last_save = int(self.control.now())
        return OK

    def _bgsave(self, client: Client, args: Sequence[bytes]) -> Answer:
        if len(args) > 2 or (len(args) == 2 and args[1].upper() != b"SCHEDULE"):
            return Failure("ERR syntax error")
        # Already off the loop: nobody waits but the one who asked.
        self._save(client, args)
        return Simple("Background saving started")

    def _bgrewriteaof(self, client: Client, args: Sequence[bytes]) -> Answer:
        self._save(client, args)
        return Simple("Background append only file rewriting started")

    def _lastsave(self, _: Client, __: Sequence[bytes]) -> Answer:
        return self.last_save

    def _command(self, _: Client, __: Sequence[bytes]) -> Answer:
        return command_info.command_info(())

    def _command_count(self, _: Client, __: Sequence[bytes]) -> Answer:
        return len(command_info.top_level())

    def _command_docs(self, _: Client, args: Sequence[bytes]) -> Answer:
        return command_info.command_docs(args[2:])

    def _command_info(self, _: Client, args: Sequence[bytes]) -> Answer:
        return command_info.command_info(args[2:])

    def _command_list(self, _: Client, args: Sequence[bytes]) -> Answer:
        return command_info.command_list(args[2:])

    def _command_getkeys(self, _: Client, args: Sequence[bytes]) -> Answer:
        return command_info.command_getkeys(args[2:])

    def _command_getkeysandflags(self, _: Client, args: Sequence[bytes]) -> Answer:
        return command_info.command_getkeys(args[2:], with_flags=True)

    def _lolwut(self, _: Client, args: Sequence[bytes]) -> Answer:
        # There is one picture, whatever version of it is asked for.
        if len(args) > 2 and args[1].upper() == b"VERSION" and integer(args[2]) is None:
            return Failure("ERR value is not an integer or out of range")
        facts = self.control.facts
        return Verbatim(f"{_LOLWUT}HyperDB ver. {facts['version']}, Redis ver. {facts['redis_version']}\n")

    def _role(self, _: Client, __: Sequence[bytes]) -> Answer:
        return ["master", 0, []]

    def _memory_stats(self, _: Client, __: Sequence[bytes]) -> Answer:
        return memory.stats(self.control)

    def _memory_doctor(self, _: Client, __: Sequence[bytes]) -> Answer:
        return Verbatim(memory.doctor(self.control))

    def _memory_malloc_stats(self, _: Client, __: Sequence[bytes]) -> Answer:
        return Verbatim(memory.malloc_stats())

    def _memory_purge(self, _: Client, __: Sequence[bytes]) -> Answer:
        return OK if memory.purge() else Failure("ERR the C library cannot give memory back on demand")

    def _modules(self, _: Client, __: Sequence[bytes]) -> Answer:
        return []

    def _no_modules(self, _: Client, __: Sequence[bytes]) -> Answer:
        return _NO_MODULES

    def _waitaof(self, _: Client, args: Sequence[bytes]) -> Answer:
        numbers = [integer(arg) for arg in args[1:4]]
        local, replicas, timeout = numbers
        if local is None:
            return Failure("ERR value is not an integer or out of range")
        if local not in (0, 1):
            return Failure("ERR value is out of range, value must between 0 and 1")
        if replicas is None or replicas < 0:
            return Failure("ERR value is out of range, must be positive")
        if timeout is None:
            return Failure("ERR timeout is not an integer or out of range")
        if timeout < 0:
            return Failure("ERR timeout is negative")
        if timeout + int(time.time() * 1000) >= 1 << 63:
            return Failure("ERR timeout is out of range")
        # There are no replicas, so nobody waits for one.
        self.control.sync()
        return [1, 0]

    def _shutdown(self, _: Client, args: Sequence[bytes]) -> Answer:
        options = {arg.upper() for arg in args[1:]}
        if options - {b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"ABORT"} or {b"NOSAVE", b"SAVE"} <= options:
            return Failure("ERR syntax error")
        if b"ABORT" in options:
            return Failure("ERR No shutdown in progress.")
        self.control.request_shutdown()
        return OK


def _over(run: Callable[[Control, Client, Sequence[bytes]], Answer]) -> Run:
    return lambda admin, client, args: run(admin.control, client, args)


COMMANDS: Mapping[str, Run] = {
    "acl|help": Admin._help,
    **{name: _over(run) for name, run in acl.COMMANDS.items()},
    "bgrewriteaof": Admin._bgrewriteaof,
    "bgsave": Admin._bgsave,
    "cluster|help": Admin._help,
    **{name: _over(run) for name, run in cluster.COMMANDS.items()},
    "command": Admin._command,
    "command|count": Admin._command_count,
    "command|docs": Admin._command_docs,
    "command|getkeys": Admin._command_getkeys,
    "command|getkeysandflags": Admin._command_getkeysandflags,
    "command|help": Admin._help,
    "command|info": Admin._command_info,
    "command|list": Admin._command_list,
    "config|get": Admin._config_get,
    "config|help": Admin._help,
    "config|resetstat": Admin._config_resetstat,
    "config|rewrite": Admin._config_rewrite,
    "config|set": Admin._config_set,
    "hyper.frame": _over(hyper.frame),
    "hyper.mprove": _over(hyper.prove_many),
    "hyper.privacy": _over(hyper.privacy),
    "hyper.prove": _over(hyper.prove),
    "hyper.provecount": _over(hyper.prove_count),
    "hyper.proveremoved": _over(hyper.prove_removed),
    "hyper.proverows": _over(hyper.prove_rows),
    "hyper.root": _over(hyper.root),
    "hyper.seal": _over(hyper.seal),
    "info": Admin._info,
    "lastsave": Admin._lastsave,
    "lolwut": Admin._lolwut,
    "memory|doctor": Admin._memory_doctor,
    "memory|help": Admin._help,
    "memory|malloc-stats": Admin._memory_malloc_stats,
    "memory|purge": Admin._memory_purge,
    "memory|stats": Admin._memory_stats,
    "migrate": lambda admin, client, args: migrate.migrate(admin.sockets, admin.control, client, args),
    "module|help": Admin._help,
    "module|list": Admin._modules,
    "module|load": Admin._no_modules,
    "module|loadex": Admin._no_modules,
    "module|unload": Admin._no_modules,
    "psync": lambda admin, client, args: admin.data_sets.psync(admin.control, client, args),
    "replconf": lambda admin, client, args: admin.data_sets.replconf(admin.control, client, args),
    "role": Admin._role,
    "save": Admin._save,
    "shutdown": Admin._shutdown,
    "sync": lambda admin, client, args: admin.data_sets.sync(admin.control, client, args),
    "waitaof": Admin._waitaof,
}
