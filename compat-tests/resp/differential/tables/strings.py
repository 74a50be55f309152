"""Strings and bitmaps."""

TABLE = """
get KEY
set KEY VALUE
set KEY VALUE ?(nx|xx) ?get ?(ex SECONDS|px MILLISECONDS|exat UNIXTIME|pxat UNIXMS|keepttl)
set KEY VALUE +(nx|xx|get|ex SECONDS|px MILLISECONDS|exat UNIXTIME|keepttl|persist|what)
setnx KEY VALUE
setex KEY SECONDS VALUE
psetex KEY MILLISECONDS VALUE
getset KEY VALUE
getdel KEY
getex KEY ?(ex SECONDS|px MILLISECONDS|exat UNIXTIME|pxat UNIXMS|persist)
getex KEY +(ex SECONDS|persist|keepttl|nx)
mget +KEY
mset +(KEY VALUE) ?KEY
msetnx +(KEY VALUE) ?KEY
append KEY VALUE
strlen KEY
setrange KEY INDEX VALUE
getrange KEY INDEX INDEX
substr KEY INDEX INDEX
incr KEY
decr KEY
incrby KEY INT
decrby KEY INT
incrbyfloat KEY FLOAT
incrbyfloat n FLOAT
incrbyfloat n FLOAT
lcs KEY KEY ?(len|idx) ?(minmatchlen INDEX) ?withmatchlen
lcs KEY KEY +(len|idx|what|minmatchlen)
setbit KEY BITOFFSET BIT
getbit KEY BITOFFSET
bitcount KEY ?(INDEX INDEX ?(byte|bit|what))
bitcount KEY INDEX
bitpos KEY BIT ?(INDEX ?(INDEX ?(byte|bit|what)))
bitop (and|or|xor|not|what) KEY +KEY
bitfield KEY +(get BITTYPE FIELDOFFSET|set BITTYPE FIELDOFFSET INT|incrby BITTYPE FIELDOFFSET INT|overflow (wrap|sat|fail|what))
bitfield_ro KEY +(get BITTYPE FIELDOFFSET|set u8 0 1)
"""

STATE = """
get KEY
"""
