"""Places in sorted sets."""

TABLE = """
geoadd pl ?(nx|xx) ?ch +(LONGITUDE LATITUDE MEMBER)
geoadd pl LONGITUDE LATITUDE f LONGITUDE LATITUDE g LONGITUDE LATITUDE 1
geoadd pl LONGITUDE LATITUDE 2 LONGITUDE LATITUDE 30 LONGITUDE LATITUDE n
geoadd PLACES +(nx|xx|ch|bogus) LONGITUDE LATITUDE MEMBER
geoadd PLACES LONGITUDE LATITUDE MEMBER LONGITUDE
zadd pl SCORE MEMBER
geodist PLACES MEMBER MEMBER ?UNIT ?bogus
geohash PLACES +MEMBER
geopos PLACES +MEMBER
georadius PLACES LONGITUDE LATITUDE LENGTH UNIT ?withcoord ?withdist ?withhash ?(count COUNT ?any) ?(asc|desc)
georadius PLACES LONGITUDE LATITUDE LENGTH UNIT (store|storedist) (pl2|z)
georadius PLACES LONGITUDE LATITUDE LENGTH UNIT +(any|count COUNT|asc|store pl2|withdist|store|bogus)
georadius_ro PLACES LONGITUDE LATITUDE LENGTH UNIT ?withdist ?(asc|desc)
georadius_ro PLACES LONGITUDE LATITUDE LENGTH UNIT store pl2
georadiusbymember PLACES MEMBER LENGTH UNIT ?withcoord ?withdist ?(asc|desc)
georadiusbymember PLACES MEMBER LENGTH UNIT (store|storedist) pl2 ?(count COUNT)
georadiusbymember_ro PLACES MEMBER LENGTH UNIT ?withhash
geosearch PLACES frommember MEMBER byradius LENGTH UNIT ?withcoord ?withdist ?withhash ?(count COUNT ?any) ?(asc|desc)
geosearch PLACES fromlonlat LONGITUDE LATITUDE bybox LENGTH LENGTH UNIT ?withcoord ?withdist ?(count COUNT ?any) ?(asc|desc)
geosearch PLACES fromlonlat LONGITUDE LATITUDE byradius LENGTH UNIT ?(asc|desc)
geosearch PLACES +(frommember MEMBER|fromlonlat LONGITUDE LATITUDE|byradius LENGTH UNIT|bybox LENGTH LENGTH UNIT|any|bogus)
geosearchstore pl2 PLACES frommember MEMBER byradius LENGTH UNIT ?storedist ?(count COUNT ?any) ?(asc|desc)
geosearchstore pl2 PLACES fromlonlat LONGITUDE LATITUDE bybox LENGTH LENGTH UNIT ?storedist
geosearchstore pl2 PLACES fromlonlat LONGITUDE LATITUDE byradius LENGTH UNIT +(withdist|storedist|desc|bogus)
"""

STATE = """
zrange pl 0 -1 withscores
zrange pl2 0 -1 withscores
"""
