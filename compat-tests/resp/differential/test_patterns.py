"""Lua's patterns, random ones on random text, in scripts of HyperDB and of Redis: the same results and the same errors.

The matcher is HyperDB's own, so that it can be stopped; run as `test_differential.py`, whose servers these are.
"""

from __future__ import annotations

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_differential import EXAMPLES, ports
from wire import Connection

__all__ = ["ports"]

#: Each gives a list of what happened; what is raised is told by `pcall`.
SCRIPT = """
local function told(...)
  local all = {}
  for at = 1, select('#', ...) do all[at] = type((select(at, ...))) .. ':' .. tostring((select(at, ...))) end
  return table.concat(all, ' ')
end
local s, p, r, i, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local words = {}
local walked = told(pcall(function()
  local turn = 0
  for a, b, c in string.gmatch(s, p) do
    turn = turn + 1
    words[#words + 1] = tostring(a) .. '/' .. tostring(b) .. '/' .. tostring(c)
    if turn > 50 then break end
  end
end))
local made = {a = 'A', b = false, ab = 7}
return {
  told(pcall(string.find, s, p, i)), told(pcall(string.match, s, p, i)), told(pcall(string.find, s, p, i, true)),
  told(pcall(string.gsub, s, p, r, n)), told(pcall(string.gsub, s, p, r)), walked .. table.concat(words, ' '),
  told(pcall(string.gsub, s, p, function(a, b) return b or a == 'a' and 'x' or nil end, n)), told(pcall(string.gsub, s, p, made)),
  told(pcall(string.gsub, s, p, function() return {} end)), told(pcall(string.gsub, s, p, r, {}))
}
"""
PIECES = st.sampled_from(
    "a b . %a %d %w %s %S %W . [ab] [^a] [a-c] [%a-] [] []] [^]] [ %b() %bab %f[a] %f[^a] %f %1 %2 %0".split()
    + "( ) () (a) ( ) * + - ? ^ $ % %% %z - z".split()
)
PATTERNS = st.lists(PIECES, max_size=7).map("".join) | st.text("ab.%[]()*+-?^$w1\0", max_size=8)
SUBJECTS = st.text("aab(b) c1-\0", max_size=24)
REPLACEMENTS = st.lists(st.sampled_from(["x", "%0", "%1", "%2", "%%", "%", "%a", "\0", "-"]), max_size=4).map("".join)
PLACES = st.integers(-30, 30)


def test_patterns_are_lua_s(ports: tuple[int, int]) -> None:
    ours, theirs = (Connection(port, 2) for port in ports)

    @settings(max_examples=EXAMPLES * 10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(SUBJECTS, PATTERNS, REPLACEMENTS, PLACES, st.integers(-1, 5))
    def run(subject: str, pattern: str, replacement: str, place: int, most: int) -> None:
        words = [b"EVAL", SCRIPT.encode(), b"0"]
        words += [each.encode("latin-1") for each in (subject, pattern, replacement, str(place), str(most))]
        mine, redis = ours.call(*words), theirs.call(*words)
        assert mine == redis, f"\n  hyperdb {mine}\n  redis   {redis}"

    with contextlib.closing(ours), contextlib.closing(theirs):
        run()
