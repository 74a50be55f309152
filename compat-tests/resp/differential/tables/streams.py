"""Streams.

The server's clocks differ, so ids are given; `trim` with `~` follows Redis's nodes, which these few entries never fill.
"""

TABLE = """
xadd st ID f VALUE
xadd STREAM ID +(FIELD VALUE)
xadd STREAM ID FIELD
xadd STREAM ID f v g
xadd STREAM ?nomkstream ?(maxlen ?(=|~) COUNT) ID f VALUE
xadd STREAM ?nomkstream ?(minid ?(=|~) ID) ID f VALUE
xadd STREAM +(nomkstream|maxlen COUNT|minid ID|limit COUNT|maxlen ~ COUNT|maxlen|bogus) ID f VALUE
xlen STREAM
xrange STREAM IDEND IDEND ?(count COUNT)
xrevrange STREAM IDEND IDEND ?(count COUNT)
xrange STREAM IDEND IDEND +(count COUNT|count|bogus)
xread ?(count COUNT) streams STREAM ID
xread ?(count COUNT) streams STREAM STREAM ID ID
xread +(count COUNT|block BLOCKMS|noack|group g c|bogus) streams STREAM ID
xread ?(block BLOCKMS) streams STREAM (ID|$|>)
xread count 1 streams STREAM STREAM ID
xdel STREAM +ID
xtrim STREAM (maxlen|minid) ?(=|~) (COUNT|ID) ?(limit COUNT)
xtrim STREAM +(maxlen COUNT|minid ID|limit COUNT|maxlen ~ COUNT|bogus)
xsetid STREAM ID ?(entriesadded INT) ?(maxdeletedid ID) ?bogus
xgroup create STREAM GROUP (ID|$|0) ?mkstream ?(entriesread INT)
xgroup create st GROUP (ID|$|0) mkstream
xgroup create STREAM GROUP ID +(mkstream|entriesread INT|entriesread|bogus)
xgroup setid STREAM GROUP (ID|$|IDEND) ?(entriesread INT)
xgroup destroy STREAM GROUP
xgroup createconsumer STREAM GROUP CONSUMER
xgroup delconsumer STREAM GROUP CONSUMER
xgroup bogus STREAM
xgroup create STREAM
xreadgroup group GROUP CONSUMER ?(count COUNT) ?(block BLOCKMS) ?noack streams STREAM (ID|$|>)
xreadgroup group GROUP CONSUMER ?(count COUNT) ?noack streams STREAM >
xreadgroup group g CONSUMER streams st >
xreadgroup group g CONSUMER count 1 streams st >
xreadgroup group GROUP CONSUMER streams STREAM STREAM > ID
xreadgroup +(count COUNT|noack|bogus|group g) streams STREAM >
xack STREAM GROUP +ID
xpending STREAM GROUP
xpending STREAM GROUP ?(idle (0|-5|x)) IDEND IDEND COUNT ?CONSUMER :timeless
xpending STREAM GROUP +(idle 0|ID|bogus)
xclaim STREAM GROUP CONSUMER (0|-1|x) +ID ?(idle INT) ?(retrycount INT) ?force ?justid ?(lastid ID)
xclaim STREAM GROUP CONSUMER 0 +ID +(force|justid|time INT|idle INT|retrycount INT|lastid ID|lastid|bogus)
xclaim STREAM GROUP CONSUMER 1000000 +ID
xautoclaim STREAM GROUP CONSUMER (0|x) (ID|IDEND) ?(count COUNT) ?justid
xautoclaim STREAM GROUP CONSUMER 0 IDEND +(count COUNT|justid|count|bogus)
xinfo stream STREAM :timeless
xinfo stream STREAM full ?(count COUNT) :timeless
xinfo stream STREAM +(full|count COUNT|bogus)  :timeless
xinfo groups STREAM
xinfo consumers STREAM GROUP :timeless
type STREAM
object encoding STREAM
"""

STATE = """
xadd st 5-* f v
xgroup create st g 0 mkstream
xinfo stream st full :timeless
xinfo groups st
"""
