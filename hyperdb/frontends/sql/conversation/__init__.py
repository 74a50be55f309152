"""A conversation with one client, without input or output of its own: bytes in, bytes out, waits handed to whoever can wait.

Theory: the protocol is a sequence of turns, so it is written as one: generators that ask for the next event, for a pause or for a
wait, and are driven by `Conversation`. Invariant: no socket, no clock, no thread, no randomness of its own; whatever a client
sends, and whenever, the conversation answers or ends, and holds a bounded amount of memory.
"""

from hyperdb.frontends.sql.conversation.driver import Conversation
from hyperdb.frontends.sql.conversation.terms import Bounds, Guard, Role, Terms

__all__ = ["Bounds", "Conversation", "Guard", "Role", "Terms"]
