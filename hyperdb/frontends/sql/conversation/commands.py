"""The turns of a session: which message is answered how, and what is passed over.

Theory: PostgreSQL's documentation, "Message Flow". An error of the extended protocol passes over all messages up to Sync;
messages of COPY that come when there is no COPY are passed over silently, because a client may have sent them before it heard
of an error. Invariant: every message is answered, passed over, or ends the conversation; `at_rest` is true exactly when a new
pipeline or query may begin.
"""

from __future__ import annotations

from hyperdb.errors import WireError
from hyperdb.frontends.sql.conversation import extended, simple
from hyperdb.frontends.sql.conversation.portals import Held, Refused, Whole
from hyperdb.frontends.sql.conversation.steps import FLUSHED, NEXT, Shared, Turn
from hyperdb.frontends.sql.protocol import messages

_OF_COPY = "dcf"
_OF_EXTENDED = "PBDECH"
# Pieces of an answer put out between two pauses.
_MOST_PIECES = 1_000


class Commands:
    """What is answered once the client has been let in."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.held = Held(shared.terms.bounds)
        shared.portals = self.held
        self.at_rest = False
        self._passing_over = False

    def serve(self) -> Turn[None]:
        """Answers messages until the client takes its leave."""
        shared = self._shared
        self.at_rest = True
        while True:
            event = yield NEXT
            self.at_rest = False
            if isinstance(event, Whole):
                yield from extended.whole(shared, self.held, event)
                self.at_rest = True
            elif isinstance(event, Refused):
                yield from extended.refused(shared, self.held, event.error)
                self.at_rest = True
            elif isinstance(event, messages.Terminate):
                return
            if isinstance(event, messages.Sync):
                self._passing_over = False
                yield from extended.sync(shared, self.held)
                self.at_rest = True
            elif not self._passing_over or _is_sync(event):
                yield from self._answer(event)
            if shared.size >= shared.terms.bounds.pending_output or len(shared.out) >= _MOST_PIECES:
                yield FLUSHED

    def _answer(self, event: messages.Event) -> Turn[None]:
        shared, held = self._shared, self.held
        try:
            match event:
                case messages.Bind():
                    extended.bind(shared, held, event)
                case messages.Execute():
                    yield from extended.execute(shared, held, event)
                case messages.Describe():
                    yield from extended.describe(shared, held, event)
                case messages.Parse():
                    yield from extended.parse(shared, held, event)
                case messages.Close():
                    extended.close(shared, held, event)
                case messages.Query():
                    yield from simple.query(shared, held, event.text)
                    self.at_rest = True
                case messages.Flush():
                    yield FLUSHED
                case messages.Malformed():
                    if event.kind not in _OF_COPY:
                        raise event.error
                case messages.FunctionCall():
                    raise WireError("0A000", "the function call message is not supported")
                case _:
                    # CopyData, CopyDone, CopyFail of a COPY that is no more.
                    pass
        except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
            yield from self._failed(event, error)

    def _failed(self, event: messages.Event, error: Exception) -> Turn[None]:
        self._passing_over = False
        yield from extended.failed(self._shared, self.held, error)
        if isinstance(event, messages.FunctionCall) or (isinstance(event, messages.Malformed) and event.kind not in _OF_EXTENDED):
            # These are answered at once and have no Sync behind them.
            self._shared.ready()
            self.at_rest = True
        else:
            self._passing_over = True


def _is_sync(event: messages.Event) -> bool:
    """Whether this was meant to be a Sync: even a broken one ends the passing over."""
    return isinstance(event, messages.Malformed) and event.kind == "S"
