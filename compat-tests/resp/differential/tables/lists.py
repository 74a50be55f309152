"""Lists."""

TABLE = """
rpush l +VALUE
lpush l +VALUE
rpush l2 +VALUE
rpush l x y x 10 x hello
lpush KEY +VALUE
rpushx LIST +VALUE
lpushx LIST +VALUE
lpop LIST ?COUNT
rpop LIST ?COUNT ?1
lrange LIST INDEX INDEX
llen LIST
lindex LIST INDEX
lset LIST INDEX VALUE
ltrim LIST INDEX INDEX
linsert LIST (before|after|near) VALUE VALUE
lrem LIST INT VALUE
lpos LIST VALUE ?(rank INT) ?(count COUNT) ?(maxlen COUNT)
lpos LIST VALUE +(rank INT|count COUNT|maxlen COUNT|rank|bogus 1)
lmove LIST LIST (left|right|up) (left|right)
rpoplpush LIST LIST
lmpop INT +LIST (left|right|up) ?(count COUNT)
lmpop 2 LIST LIST (left|right) ?(count COUNT)
blpop l l2 BRIEF
brpop l2 l h BRIEF
blmove LIST LIST left right BRIEF
brpoplpush LIST LIST BRIEF
blmpop BRIEF 2 LIST LIST (left|right) ?(count COUNT)
object encoding l
"""

STATE = """
lrange l 0 -1
lrange l2 0 -1
"""
