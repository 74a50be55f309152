"""Sets."""

TABLE = """
sadd s +MEMBER
sadd s2 +MEMBER
sadd KEY +MEMBER
srem SET +MEMBER
smembers SET :unordered
sismember SET MEMBER
smismember SET +MEMBER
scard SET
smove SET SET MEMBER
spop SET COUNT COUNT
srandmember SET ?(DRAWS) :shape
srandmember SET INT INT
sinter +SET :unordered
sunion +SET :unordered
sdiff +SET :unordered
sinterstore SET +SET
sunionstore SET +SET
sdiffstore SET +SET
sintercard INT +SET ?(limit COUNT)
sintercard 2 SET SET ?(limit COUNT)
sscan SET 0 ?(match PATTERN) ?(count 1000) :scan
sscan SET (x|0) +(match PATTERN|count COUNT|bogus) :scan
object encoding s
"""

STATE = """
smembers s :unordered
smembers s2 :unordered
object encoding s
"""
