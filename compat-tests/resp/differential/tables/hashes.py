"""Hashes."""

TABLE = """
hset h +(FIELD VALUE)
hset h2 +(FIELD VALUE)
hset KEY +(FIELD VALUE) ?FIELD
hmset h +(FIELD VALUE) ?FIELD
hsetnx h FIELD VALUE
hget h FIELD
hget KEY FIELD
hmget KEY +FIELD
hgetall KEY :pairs
hdel h +FIELD
hdel KEY +FIELD
hlen KEY
hstrlen KEY FIELD
hexists KEY FIELD
hkeys KEY :unordered
hvals KEY :unordered
hincrby h FIELD INT
hincrby KEY FIELD INT
hincrbyfloat h i FLOAT
hincrbyfloat KEY FIELD FLOAT
hrandfield KEY ?(DRAWS ?(withvalues|what)) :shape
hscan KEY 0 ?(match PATTERN) ?(count 1000) :scanpairs
hscan KEY (x|0) +(match PATTERN|count COUNT|type hash|novalues) :scanpairs
object encoding h
"""

STATE = """
hgetall h :pairs
object encoding h
"""
