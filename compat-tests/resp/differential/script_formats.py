"""Scripts about cjson, cmsgpack, struct and bit whose replies must be those of Redis, one a line."""

#: cjson.
JSON = r"""
return cjson.encode({})
return cjson.encode({1,2,3})
return cjson.encode({a=1})
return cjson.encode({1,nil,3})
return cjson.encode({[1]=1,[5]=5})
return cjson.encode({[1]=1,[50]=5})
return cjson.encode({[0]=1})
return cjson.encode({[1.5]=1})
return cjson.encode({[-1]=1})
return cjson.encode({[true]=1})
return cjson.encode(nil)
return cjson.encode(cjson.null)
return cjson.encode(true)
return cjson.encode('a/b\n\t\0\127\255"')
return cjson.encode(0.1)
return cjson.encode(1e15)
return cjson.encode(12345678901234567890)
return cjson.encode(1/0)
return cjson.encode(0/0)
return cjson.encode(print)
return cjson.encode(tostring)
return cjson.encode()
return cjson.encode(1,2)
local t={} t.t=t return cjson.encode(t)
local t={} t[1]=t return cjson.encode(t)
return cjson.decode('[]')
return cjson.encode(cjson.decode('[]'))
return cjson.decode('{}')
return cjson.decode('[1,2,[3]]')
return cjson.encode(cjson.decode('[1,null,3]'))
return tostring(cjson.decode('null'))
return cjson.decode('null') == cjson.null
return cjson.decode('1e3')
return tostring(cjson.decode('0x1F'))
return tostring(cjson.decode('nan'))
return tostring(cjson.decode('-inf'))
return tostring(cjson.decode('infinity'))
return tostring(cjson.decode('+1'))
return tostring(cjson.decode('01'))
return tostring(cjson.decode('1.'))
return tostring(cjson.decode('.5'))
return tostring(cjson.decode('-'))
return cjson.decode('{"a":1,}')
return cjson.decode('[1,]')
return cjson.decode('[1 2]')
return cjson.decode('{"a" 1}')
return cjson.decode('{a:1}')
return cjson.decode('')
return cjson.decode(' ')
return cjson.decode('x')
return cjson.decode('tru')
return cjson.decode('"abc')
return cjson.decode('"a\\x"')
return cjson.decode('"\\u12"')
return cjson.decode('"\\ud800"')
return cjson.decode('"\\ud83d\\ude00"')
return cjson.decode('"\\u0041\\n\\/"')
return cjson.decode('1 2')
return cjson.decode('{} x')
return cjson.decode({})
return cjson.decode()
return cjson.decode(12)
return cjson.decode('\0a')
return cjson.decode(string.rep('[',1000)..string.rep(']',1000)) ~= nil
return cjson.decode(string.rep('[',1001)..string.rep(']',1001))
local a,b,c = cjson.encode_sparse_array() return {tostring(a),b,c}
cjson.encode_sparse_array(1,2,3,4)
cjson.encode_sparse_array('x')
cjson.encode_number_precision(0)
cjson.encode_number_precision(15)
cjson.encode_number_precision(3) local r = cjson.encode(1/3) cjson.encode_number_precision(14) return r
cjson.encode_max_depth(0)
cjson.encode_max_depth(2) local ok,e = pcall(cjson.encode,{{{}}}) cjson.encode_max_depth(1000) return {tostring(ok),e}
cjson.decode_max_depth(1) local ok,e = pcall(cjson.decode,'[[]]') cjson.decode_max_depth(1000) return {tostring(ok),e}
cjson.encode_invalid_numbers(true) local r = cjson.encode({1/0,-1/0,0/0}) cjson.encode_invalid_numbers(false) return r
cjson.decode_invalid_numbers('x')
return cjson._NAME .. cjson._VERSION
"""

#: cmsgpack.
MESSAGE_PACK = r"""
return cmsgpack.pack(1)
return cmsgpack.pack(1,2,'a')
return cmsgpack.pack()
return cmsgpack.pack(nil,true,false)
return cmsgpack.pack({})
return cmsgpack.pack({1,2,3})
return cmsgpack.pack({a=1})
return cmsgpack.pack(1.5)
return cmsgpack.pack(0.1)
return cmsgpack.pack(1/0)
return cmsgpack.pack(0/0)
return cmsgpack.pack(-1)
return cmsgpack.pack(string.rep('a',31)),1
return cmsgpack.pack(string.rep('a',32))
return cmsgpack.pack(string.rep('a',256))
return cmsgpack.pack(string.rep('a',65536)):sub(1,10)
return cmsgpack.pack({[1]=1,[3]=3})
return cmsgpack.pack({[1.5]=1})
return cmsgpack.pack({[0]=1})
return cmsgpack.pack(tostring)
local t={} t[1]=t return cmsgpack.pack(t)
local a = {} for i=1,16 do a[i]=i end return cmsgpack.pack(a)
return {cmsgpack.unpack(cmsgpack.pack(1,-1,'abc',true,false,{1,2,{a='b'}},1.5))}
return cmsgpack.unpack('')
return cmsgpack.unpack('\220')
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\145')
return {cmsgpack.unpack_one('\1\2\3')}
return {cmsgpack.unpack_one('\1\2\3',1)}
return {cmsgpack.unpack_one('\1\2\3',2)}
return {cmsgpack.unpack_one('\1\2\3',3)}
return {cmsgpack.unpack_one('\1\2\3',4)}
return {cmsgpack.unpack_one('\1\2\3',-1)}
return {cmsgpack.unpack_limit('\1\2\3',2)}
return {cmsgpack.unpack_limit('\1\2\3',2,1)}
return {cmsgpack.unpack_limit('\1\2\3',0)}
return {cmsgpack.unpack_limit('\1\2\3',-1)}
return {cmsgpack.unpack_limit('\1\2\3')}
return cmsgpack.unpack()
return cmsgpack.unpack({})
return cmsgpack.unpack(5)
return cmsgpack.unpack('\129\192\1')
return {cmsgpack.unpack('\196\2ab\197\0\1c\198\0\0\0\1d')}
return tostring(cmsgpack.unpack('\203\127\240\0\0\0\0\0\0'))
return tostring(cmsgpack.unpack('\207\255\255\255\255\255\255\255\255'))
return tostring(cmsgpack.unpack('\211\255\255\255\255\255\255\255\254'))
return cmsgpack.unpack('\199\1\1a')
return cmsgpack._VERSION .. cmsgpack._NAME
return #cmsgpack.unpack(string.rep('\145',2000)..'\1')
return cmsgpack.unpack(string.rep('\145',20000)..'\1')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255a')
"""

#: struct.
STRUCTS = r"""
return struct.pack('>I2h','1',-2)
return struct.pack('<i4',100000)
return struct.pack('b',300)
return struct.pack('HhBbLlIiTfdc5sx',1,-2,3,-4,5,-6,7,-8,9,1.5,2.5,'hello','zs')
return struct.pack('!4 b i',1,2)
return struct.pack('!b d',1,2)
return struct.pack('!3 i',1)
return struct.pack('i33',1)
return struct.pack('i99999999999',1)
return struct.pack('z',1)
return struct.pack('i','x')
return struct.pack('c10','abc')
return struct.pack('c0','abc')
return struct.pack('c2','abc')
return struct.pack()
return struct.pack('i16',-1)
return struct.pack('>i16',-1)
return struct.pack('d',0/0):len()
return struct.pack('I4',2^40+5)
return struct.pack('L',2^63+2048)
return struct.pack('i4',1e30)
return {struct.unpack('>I2h','\0\1\255\254')}
return {struct.unpack('i4','\1\0\0')}
return {struct.unpack('i4','\1\0\0\0',0)}
return {struct.unpack('i4','\1\0\0\0',-1)}
return {struct.unpack('i1','\1\2\0\0',2)}
return {struct.unpack('s','abc')}
return {struct.unpack('s','abc\0x')}
return {struct.unpack('Bc0','\3abcd')}
return {struct.unpack('c0','\3abcd')}
return {struct.unpack('Bc0','\9abcd')}
return {struct.unpack('sc0','3\0abcd')}
return {struct.unpack('c2','abcd')}
return {struct.unpack('x','')}
return {struct.unpack('','')}
return tostring((struct.unpack('d',struct.pack('d',1.25))))
return tostring((struct.unpack('f',struct.pack('f',1.25))))
return {struct.unpack('i3','\255\255\255')}
return {struct.unpack('I3','\255\255\255')}
return {struct.unpack('!4bi','\1\0\0\0\2\0\0\0')}
return {struct.unpack('y','a')}
return struct.size('i4hb')
return struct.size('s')
return struct.size('c0')
return struct.size('c5')
return struct.size('!8bd')
return struct.size('q')
return struct.size()
"""

#: bit.
BITS = r"""
return bit.tobit(4294967296+5)
return bit.tobit(-1)
return bit.tobit(1.5)
return bit.tobit(2.5)
return bit.tobit(1e10)
return bit.tobit('5')
return bit.tobit('x')
return bit.tobit()
return bit.tobit(nil)
return {bit.tohex(255),bit.tohex(255,2),bit.tohex(255,-4),bit.tohex(255,0),bit.tohex(255,20),bit.tohex(255,-20)}
return bit.band()
return bit.lshift(1)
"""
