"""Keys whatever they hold."""

TABLE = """
del +KEY
unlink +KEY
exists +KEY
touch +KEY
type KEY
rename KEY KEY
renamenx KEY KEY
copy KEY KEY ?(db DB) ?replace
copy KEY KEY +(db DB|replace|what|db)
move KEY DB
persist KEY
expire KEY SECONDS ?(nx|xx|gt|lt|what)
expire KEY SECONDS +(nx|xx|gt|lt)
pexpire KEY MILLISECONDS ?(nx|xx|gt|lt)
expireat KEY UNIXTIME ?(nx|xx|gt|lt)
pexpireat KEY UNIXMS ?(nx|xx|gt|lt)
ttl KEY :near
pttl KEY :near
expiretime KEY :near
pexpiretime KEY :near
keys PATTERN :unordered
scan 0 count 1000 ?(match PATTERN) ?(type (string|hash|Hash|list|what)) :scan
scan INT count COUNT what
scan (x|0x|-|1x) ?(count 5)
scan 0 count
scan 0 ?(match a) (count COUNT) :shape
randomkey :shape
dbsize
object encoding h
object (refcount|idletime|freq) nokey
object freq KEY
# Members whose weights are equal are told apart by bytes, but ALPHA with BY leaves them in any order.
rpush c +VALUE
rpush c +INT
sadd b +INT
zadd h2 1 x 2 y 2 10
sort (c|b|h2) ?(limit INDEX COUNT) ?(asc|desc) ?alpha
sort (c|b|h2) by no* get # get KEY ?(get *) ?desc
sort c by nosort ?(limit INDEX COUNT)
sort h2 by nosort ?desc ?(limit INDEX COUNT)
sort KEY +(asc|desc|alpha|limit 0 2|limit|by w*|by|get #|get *->f|store KEY|what)
sort_ro KEY ?(store KEY)
lrange KEY 0 -1
swapdb DB DB
flushdb ?(async|sync|what)
flushall ?(async|sync|what)
"""

STATE = """
type KEY
ttl KEY :near
"""
