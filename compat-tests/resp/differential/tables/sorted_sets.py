"""Sorted sets."""

TABLE = """
zadd z +(SCORE MEMBER)
zadd z2 +(SCORE MEMBER)
zadd KEY +(SCORE MEMBER)
zadd ZSET ?(nx|xx) ?(gt|lt) ?ch ?incr +(SCORE MEMBER)
zadd ZSET +(nx|xx|gt|lt|ch|incr) SCORE MEMBER
zadd ZSET SCORE MEMBER SCORE
zincrby ZSET SCORE MEMBER
zrem ZSET +MEMBER
zscore ZSET MEMBER
zmscore ZSET +MEMBER
zcard ZSET
zcount ZSET SCOREEND SCOREEND
zlexcount ZSET LEXEND LEXEND
zrank ZSET MEMBER
zrevrank ZSET MEMBER
zrange ZSET INDEX INDEX ?rev ?withscores
zrange ZSET SCOREEND SCOREEND byscore ?rev ?(limit INDEX INDEX) ?withscores
zrange ZSET INDEX INDEX +(rev|byscore|bylex|withscores|limit INDEX INDEX|limit 1|bogus)
zrange ZSET LEXEND LEXEND bylex ?rev ?(limit INDEX INDEX)
zrevrange ZSET INDEX INDEX ?withscores
zrangebyscore ZSET SCOREEND SCOREEND ?withscores ?(limit INDEX INDEX)
zrevrangebyscore ZSET SCOREEND SCOREEND ?withscores ?(limit INDEX INDEX)
zrangebylex ZSET LEXEND LEXEND ?(limit INDEX INDEX)
zrevrangebylex ZSET LEXEND LEXEND ?(limit INDEX INDEX)
zrangestore ZSET ZSET INDEX INDEX ?rev
zrangestore ZSET ZSET SCOREEND SCOREEND byscore ?rev ?(limit INDEX INDEX)
zremrangebyrank ZSET INDEX INDEX
zremrangebyscore ZSET SCOREEND SCOREEND
zremrangebylex ZSET LEXEND LEXEND
zpopmin ZSET ?COUNT ?1
zpopmax ZSET ?COUNT
zmpop INT +ZSET (min|max|up) ?(count COUNT)
zmpop 2 ZSET ZSET (min|max) ?(count COUNT)
bzpopmin z z2 BRIEF
bzpopmax z2 h BRIEF
bzmpop BRIEF 2 ZSET ZSET (min|max) ?(count COUNT)
zrandmember ZSET ?(DRAWS ?(withscores|what)) :shape
zunion 2 ZSET ZSET ?(weights SCORE SCORE) ?(aggregate (sum|min|max|avg)) ?withscores
zinter 2 ZSET ZSET ?(weights SCORE SCORE) ?(aggregate (sum|min|max)) ?withscores
zdiff 2 ZSET ZSET ?withscores
zunion INT +ZSET ?withscores
zinter INT +ZSET ?(weights SCORE)
zdiff INT +ZSET ?(weights SCORE)
zunionstore ZSET 2 ZSET ZSET ?(weights SCORE SCORE) ?(aggregate (sum|min|max)) ?withscores
zinterstore ZSET 2 ZSET ZSET ?(weights SCORE SCORE) ?(aggregate (sum|min|max))
zdiffstore ZSET 2 ZSET ZSET
zunionstore ZSET INT +ZSET
zintercard INT +ZSET ?(limit COUNT)
zintercard 2 ZSET ZSET ?(limit COUNT)
zscan ZSET 0 ?(match PATTERN) ?(count 1000) :scanpairs
zscan ZSET (x|0) +(match PATTERN|count COUNT|bogus) :scanpairs
object encoding z
"""

STATE = """
zrange z 0 -1 withscores
zrange z2 0 -1 withscores
object encoding z
"""
