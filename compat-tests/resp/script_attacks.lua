return #string.rep('x', 2^40)
return #string.rep('x', 1024*1024*1024)
local s='x' for i=1,40 do s=s..s end return #s
local t={} local i=0 while true do i=i+1 t[i]=i end
local t={} local i=0 while true do i=i+1 t[i]=('x'):rep(1000)..i end
local t={} local i=0 while true do i=i+1 t['k'..i]=i end
return string.format('%99999d', 1)
return string.format('%.999f', 1)
return #string.format('%q', string.rep('\0', 1000000))
local function f(n) return 1 + f(n+1) end return f(1)
local function f() return pcall(f) end return tostring(f())
local function f() return xpcall(f, f) end return tostring(f())
local function f() return f() end return f()
local t={} setmetatable(t,{__index=t}) return t.x
local t=setmetatable({},{__index=function(t,k) return t[k..'x'] end}) return t.x
local t={} setmetatable(t,{__call=t}) return t()
local m={} m.__concat=function(a,b) return a..b end local t=setmetatable({},m) return t..t
local m={} m.__eq=function(a,b) return a==b end return tostring(setmetatable({},m)==setmetatable({},m))
local m={} m.__tostring=function(a) return tostring(a) end return tostring(setmetatable({},m))
local t={} while true do t[#t+1]=coroutine.create(function() coroutine.yield() end) coroutine.resume(t[#t]) end
local function f(n) local c=coroutine.create(f) local ok,e=coroutine.resume(c,n+1) return n end return f(1)
local function f(n) return coroutine.wrap(f)(n+1) end return f(1)
return (string.rep('a',30)):find(string.rep('a?',30)..string.rep('a',30))
return string.find(string.rep('a',3000), '(.-)(.-)(.-)(.-)(.-)(.-)b')
return string.find(string.rep('a',100000), ('.-'):rep(20)..'b')
return string.find(string.rep('a',300000), string.rep('(a)',32))
return string.find(string.rep('(',1000000)..string.rep(')',1000000), '%b()')
return #string.match(string.rep('a',1000000), '.-b') 
return string.find('a', string.rep('(',33)..'a'..string.rep(')',33))
return string.find(string.rep('a', 250000), string.rep('a?', 250000))
local s='a' while true do s=s:gsub('a','aa') end
return #(string.rep('a',1000000):gsub('a', function() return string.rep('b',1000) end))
local t={} for i=1,1000 do t[i]=string.rep('x',1000000) end return #table.concat(t)
local s=string.rep('x',1000000) local t={} for i=1,1000 do t[i]=s end return #table.concat(t)
return unpack({},1,1e7)
return unpack({},1,1e8)
return unpack({},-2^31,2^31-1)
return select('#', unpack({},1,7999))
return #string.char(unpack({},1,100))
return #{string.byte(string.rep('a',1000000),1,-1)}
local t={} for i=1,100000 do t={t} end return #cjson.encode(t)
local t={} t[1]=t return cjson.encode(t)
return cjson.decode(string.rep('[',100000)..string.rep(']',100000))
return cjson.encode({[1]=1,[1000000000]=2})
return cjson.encode(0/0)
local s=string.rep('x',10000000) local t={} for i=1,100 do t[i]=s end return #cjson.encode(t)
local t={} for i=1,100000 do t={t} end return #cmsgpack.pack(t)
local t={} t[1]=t return #cmsgpack.pack(t)
return cmsgpack.unpack(string.rep('\145',1000000)..'\1')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\223\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255')
return cmsgpack.unpack_limit('\1\2\3', 2^31, 0)
return cmsgpack.unpack_limit('\1\2\3', -1, -1)
return struct.pack('c2147483647', 'x')
return struct.unpack('c1000000000', 'x')
return struct.pack('i33', 1)
return struct.pack('!1024 i', 1)
return #struct.pack(string.rep('x', 1000000))
return struct.unpack('i4', 'abcd', 2^31)
return struct.unpack('i4', 'abcd', -2^31)
return struct.size('i2147483648')
return bit.tohex(1, 2^31)
return bit.tohex(1, -2^31)
local t={} for i=1,3000000 do t[i]=i end return t
local t={} for i=1,1000 do t={t} end return t
local t={} for i=1,100000 do t={t} end return t
local t={} t[1]=t return t
local t={} t.map=t return t
return loadstring(string.dump(function() return 1 end))()
local s=string.dump(function(a) local x = a return x end) for i=20,#s do local f=loadstring(s:sub(1,i-1)..'\255'..s:sub(i+1)) if f then pcall(f,1) end end return 'alive'
return loadstring('return '..string.rep('(',100000)..'1'..string.rep(')',100000))
return loadstring('local a='..string.rep('{',100000)..string.rep('}',100000))
return loadstring(string.rep('function() ',1000))
return loadstring('return '..string.rep('1 ..',100000)..'1')
local t={} for i=1,300000 do t[i]='a'..i end return loadstring('return {"'..table.concat(t,'","')..'"}') and 1
return load(function() return 'a ' end)
return setmetatable(_G, {})
getmetatable('').__index=nil return ('x'):rep(2)
getmetatable('').__gc=1 return 1
rawset(_G,'x',1) return x
return setfenv(0,{})
setfenv(1,{}) return 1
local e=getfenv(redis.call) e.x=1 return 1
return tostring(getfenv(0)==_G)
return debug.getinfo(1)
return os.execute('id')
return io.open('/etc/passwd')
return require('os')
return package.loadlib
return dofile('/etc/passwd')
local p=newproxy(true) getmetatable(p).__gc=function() while true do end end p=nil collectgarbage() return 1
local p=newproxy(true) getmetatable(p).__index=function(t,k) return k end return p.x
collectgarbage('stop') local i=0 while i<1e7 do i=i+1 local t={} end return collectgarbage('count')
collectgarbage('setpause', 1e9) return 1
local t={} for i=1,100 do t[i]=i%7 end table.sort(t,function(a,b) return true end) return 1
local t={} for i=1,100000 do t[i]=i end table.sort(t,function(a,b) while true do end end) return 1
error(setmetatable({},{__tostring=function() while true do end end}))
error({err={err={}}})
return redis.call({'get','a'})
return redis.call('set', unpack({},1,7000))
local t={} for i=1,7990 do t[i]='a' end return redis.call('del', unpack(t))
return redis.call('set','k', string.rep('x', 200*1024*1024))
return redis.sha1hex(string.rep('x', 50000000))
return math.random(2^31)
return tostring(math.fmod(1,0))
for i=1,0/0 do end return 1
for i=1,1e308,1e292 do end return 1
local s='' for i=1,70 do s=s..'local a'..i..'=1 ' end return loadstring(s..' return function() return '..('a1+'):rep(60)..'a1 end')
local s={} for i=1,300 do s[i]='local a'..i..'=1' end return loadstring(table.concat(s,' '))
