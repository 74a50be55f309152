"""HyperLogLog: counts, and the very bytes."""

TABLE = """
pfadd pf +VALUE
pfadd SKETCH +VALUE
pfadd SKETCH
pfadd pf MANY
pfadd pf2 +MANY
pfcount SKETCH
pfcount +SKETCH
pfmerge SKETCH +SKETCH
pfmerge SKETCH
get pf
get pf2
setrange pf BITOFFSET VALUE
setbit pf2 BITOFFSET BIT
append pf VALUE
strlen SKETCH
"""

STATE = """
get pf
get pf2
"""
