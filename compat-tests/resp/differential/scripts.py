"""Scripts whose replies must be those of Redis, one a line, by what they are about; formats are in `script_formats`."""

#: Calling commands, and what replies become.
COMMANDS = r"""
return redis.call('nope')
redis.call('get')
local x = redis.call('lpush','a','b') return redis.call('get','a')
return redis.pcall('get','a')
redis.call = 1
local ok, e = pcall(function() redis.call('nope') end) return {tostring(ok), type(e), e}
local ok, e = pcall(redis.call, 'nope') return {tostring(ok), type(e), e}
local ok, e = xpcall(function() redis.call('nope') end, function(e) return e.err .. '!' end) return {tostring(ok), type(e), e}
local t = redis.pcall('nope') local o = {} for k,v in pairs(t) do o[#o+1]=k..'='..tostring(v) end return o
redis.call({})
redis.call()
redis.call('set','x',{})
redis.call('set','x',nil)
redis.call('set','x',true)
redis.call('set','x',0.1) return redis.call('get','x')
redis.call('set','x',-0.0) return redis.call('get','x')
redis.call('set','x',1/0) return redis.call('get','x')
return redis.call('multi')
return redis.call('subscribe','a')
return redis.call('eval','return 1',0)
return redis.call('config','get','x')
return redis.call('client','id')
return redis.call('object','nosuch','x')
return redis.call('object')
return redis.call('client','nosuch')
redis.setresp(3) return redis.call('hgetall','nokey')
redis.setresp(3) redis.call('hset','h1','f','v') return redis.call('hgetall','h1')
redis.call('hset','h1','f','v') return redis.call('hgetall','h1')
redis.setresp(3) redis.call('sadd','s1','m') return redis.call('smembers','s1')
redis.setresp(3) return redis.call('get','nokey')
return redis.call('get','nokey')
redis.setresp(3) return {redis.call('get','nokey'),1}
redis.setresp(3) redis.call('zadd','z1',1.5,'m') return redis.call('zscore','z1','m')
redis.setresp(3) local r = redis.call('zscore','z1','m') return type(r)..tostring(r.double)
redis.setresp(3) return redis.call('zrange','z1',0,-1,'withscores')
redis.setresp(3) return redis.call('debug','x')
return redis.call('ping')
return redis.call('ping').ok
return redis.call('echo','x')
return redis.call('select',1)
return redis.call('dbsize')
redis.call('select',3) redis.call('set','in3','x') return redis.call('dbsize')
redis.call('select',3) return redis.call('get','in3')
redis.call('select',3) redis.call('flushdb') return 1
return redis.call('select','x')
return redis.call('select',99)
return redis.call('SET','foo','bar')
return redis.call('set','foo')
return redis.call('incr','foo')
local r = redis.pcall('incr','foo') return r.err
return redis.pcall('incr','foo')
return #redis.call('keys','*') >= 0
return type(redis.call('time')[1])
return redis.call('publish','ch','m')
return redis.call('exists','foo','nokey')
return redis.call('lrange','nolist',0,-1)
redis.call('rpush','l1','a','b','c') local r = redis.call('lrange','l1',0,-1) redis.call('del','l1') return r
return redis.call('xadd','st1','1-1','f','v')
return redis.call('xread','block',0,'streams','nost','$')
return redis.call('xread','count',1,'streams','st1','0')
return redis.call('spop','nokey')
return redis.call('script','load','return 1')
return redis.call('flushall','bogus')
return redis.call('lpop','nokey')
return redis.call('lpop','nokey',5)
return redis.call('watch','a')
return redis.call('exec')
return redis.call('discard')
return redis.call('auth','x')
return redis.call('hello')
return redis.call('quit')
return redis.call('reset')
return redis.call('set',1,2.5) and redis.call('get',1)
return redis.call('get',1.0)
return redis.call('set','n',-5) and redis.call('get','n')
return redis.call('set','n',1e15) and redis.call('get','n')
return redis.call('set','n',123456789012345) and redis.call('get','n')
return redis.call('set','n',3.0) and redis.call('get','n')
"""

#: The library `redis`, and what it keeps from being changed.
REDIS = r"""
return redis.error_reply('abc def')
return redis.error_reply('-abc def')
return redis.error_reply('')
return redis.status_reply('fine')
return redis.status_reply(1)
return redis.error_reply()
local s = redis.sha1hex('') return s
return redis.sha1hex()
return redis.setresp(4)
return redis.setresp()
redis.setresp(3) return true
redis.setresp(3) return false
redis.setresp(3) return nil
redis.setresp(3) return {map={a=true}}
return redis.sha1hex('abc')
return redis.sha1hex(1)
return redis.sha1hex({})
return redis.error_reply('A B C')
return redis.error_reply({})
return redis.error_reply(1)
return redis.error_reply('x','y')
return redis.status_reply({})
return redis.status_reply('a\r\nb')
return redis.error_reply('a\r\nb')
return redis.error_reply('a b\r\nc\r\n')
return redis.set_repl(redis.REPL_ALL)
return redis.set_repl(9)
return redis.set_repl()
return redis.replicate_commands()
return redis.breakpoint()
return redis.debug('x')
return redis.LOG_DEBUG
return redis.nosuch
redis.nosuch()
return redis.REDIS_VERSION
return redis.acl_check_cmd('get','x')
return redis.acl_check_cmd('nosuch')
return redis.acl_check_cmd()
"""

#: Values returned, errors, globals, what of Lua there is.
LANGUAGE = r"""
error('foo')
error({err='My Err'})
error({err='My Err', code=1})
error(12)
error()
error(nil)
return foo
foo = 1
return {err='abc'}
return {err='-abc def'}
return {err='abc\r\ndef'}
return {ok='fi\nne'}
x =
return 3.99
return -3.99
return 1e300
return {1,2,{3,nil,4},'foo',true,false,nil,5}
return {double=3.5}
return {map={a=1}}
return {set={a=true}}
string.x = 1
rawset(_G,'x',1)
rawset(string,'x',1)
setmetatable(_G,{})
setmetatable(string,{})
getmetatable('').__index = 1
getmetatable(_G).__index = 1
table.insert(string, 1)
local ok, e = pcall(function() error('x') end) return {tostring(ok), type(e), e}
local ok, e = pcall(function() error({err='x'}) end) return {tostring(ok), type(e), tostring(e)}
local ok, e = pcall(function() error({foo='x'}) end) return {tostring(ok), type(e), e.foo}
return true
return false
return nil
return
return {big_number='123456789012345678901234567890'}
return {verbatim_string={format='txt',string='hello'}}
return {verbatim_string={format='markdown',string='hello'}}
return {double=1/0}
return {double=0.1}
return {map={a={1,2},b={map={}}}} and 1
return {set={}}
return {map={}}
return {set={1}}
return {err=1}
return {ok=1}
return {double='x'}
return loadstring('return 1')()
return loadstring('x x')
local f,e = loadstring('x x') return e
local f,e = load(function() return nil end) return type(f)
local i = 0 local f = load(function() i = i + 1 return ({'return ','42'})[i] end) return f()
return tostring(loadstring('\27Lua'))
local f,e = loadstring('\27Lua') return type(f)
return string.dump(function() end) ~= nil
return dofile
return loadfile
return print
return require
return io
return package
return debug
return getfenv
return setfenv
return newproxy
return module
return _VERSION
return type(_G)
return _G.redis == redis
return _G.foo
_G.foo = 1
return rawget(_G,'foo')
return tostring(rawget(_G,'KEYS') == KEYS)
return type(getmetatable(''))
return ('x'):rep(3)
return ('%d'):format(5)
return string.format('%5.2f|%s|%q',1.234,'a','b"')
return string.format('%d','x')
return ('x'):bad()
local x = nil; return x.y
local x = nil; x()
return 1 + {}
return #5
return 'a' < 1
return {} .. 'x'
for i=1,'x' do end
return math.floor(3.7)
return math.max()
return math.random(0)
return math.random(5,1)
return math.random(1,2,3)
return table.concat({1,2,3},',')
return table.concat({1,{},3})
return unpack({1,2,3})
return select('#',1,2,3)
return select(-1,1,2,3)
return tostring(nil)
return tonumber('0x10')
return tonumber('z',36)
return table.getn({1,2})
return #KEYS + #ARGV
local t = {3,1,2} table.sort(t) return t
table.insert(redis,1)
table.insert(nil,1)
table.insert({},1,2,3)
rawset(redis,'a',1)
rawset({},nil,1)
rawset(nil,1,1)
setmetatable(redis,{})
setmetatable(1,{})
local t = setmetatable({},{__index=function(t,k) return k end}) return t.abc
local t = setmetatable({},{__metatable='x'}) return getmetatable(t)
local n = 0 for k,v in pairs(redis) do n = n + 1 end return n > 10
local k = next(string) return type(k)
KEYS = 1
KEYS[1] = 'x' return KEYS[1]
local function f() f2() end f()
error('a',0)
error('a',1)
error('a',2)
error('ERR a',0)
return 1
error({err='ERR x'})
error({err='x', foo=1})
return pcall(error)
return {pcall(error,'x')}
return {pcall(error,{err='boo'})}
return {pcall(1)}
return {xpcall(function() error('x') end, function(e) return 'H:'..e end)}
return xpcall()
local function f() return 1 + f() end return {pcall(f)}
local function f() return 1 + f() end return f()
string.rep('x',-1)
return string.rep('ab',3)
return ('abc'):find('b',1,true)
return string.gsub('hello','l','L')
return string.gsub('x','(',1)
return coroutine.wrap(function() return 5 end)()
local co = coroutine.wrap(function() error('in co') end) co()
local co = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(co) return coroutine.status(co)
coroutine.yield(1)
return coroutine.running()
return collectgarbage('count') > 0
return gcinfo() > 0
assert(false)
assert(false,'msg')
assert(nil,{err='x'})
return assert(1,2)
return ...
local a,b = ... return a
return 1 2
if
return '\xx'
x = = 1
--[[
"
return 'a
goto x
return 0x
break
local t = {} t.x.y = 1
local a <const> = 1
return 5 // 2
return 1 & 2
"""

#: Scripts of several lines: errors name the line.
LINES = (
    "\n\nerror('third')",
    "local x = redis.call('nosuch')\nreturn x",
    "return redis.call('get')\n",
    "-- c\nreturn redis.call('incr','foo')",
)

#: Whole commands.
WORDS: tuple[tuple[str, ...], ...] = (
    ("SCRIPT", "EXISTS", "a"),
    ("SCRIPT", "EXISTS"),
    ("SCRIPT",),
    ("SCRIPT", "nope"),
    ("SCRIPT", "LOAD", "return 1"),
    ("SCRIPT", "LOAD", "return x x"),
    ("SCRIPT", "FLUSH", "nope"),
    ("SCRIPT", "FLUSH", "sync"),
    ("SCRIPT", "FLUSH", "async", "1"),
    ("SCRIPT", "KILL"),
    ("SCRIPT", "DEBUG", "x"),
    ("EVAL", "return 1"),
    ("EVAL", "return 1", "x"),
    ("EVAL", "return 1", "-1"),
    ("EVAL", "return 1", "2", "a"),
    ("EVALSHA", "abc", "0"),
    ("EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"),
    ("EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"),
    ("EVAL_RO", "return redis.call('set','a',1)", "0"),
    ("EVAL_RO", "return redis.call('get','x')", "0"),
    ("EVAL", '#!lua\nreturn redis.call("set","x",1)', "0"),
    ("EVAL", '#!lua flags=no-writes\nreturn redis.call("set","x",1)', "0"),
    ("EVAL_RO", '#!lua\nreturn redis.call("get","x")', "0"),
    ("EVAL", "#!lua flags=nope\nreturn 1", "0"),
    ("EVAL", "#!lua foo=nope\nreturn 1", "0"),
    ("EVAL", "#!lua name=nope\nreturn 1", "0"),
    ("EVAL", "#!foo\nreturn 1", "0"),
    ("EVAL", "#!lua", "0"),
    ("EVAL", "#!lua flags=no-writes,allow-stale  \nreturn 1", "0"),
    ("DBSIZE",),
    ("EVAL", "return {KEYS[1],KEYS[2],ARGV[1],ARGV[2]}", "2", "a", "b", "c", "d"),
    ("EVAL", "return {KEYS,ARGV}", "1", "a"),
    ("MULTI",),
    ("EVAL", "redis.call('set','m','1') return redis.call('get','m')", "0"),
    ("EVAL", "redis.call('nosuch')", "0"),
    ("EVAL", "return 1"),
    ("EXEC",),
    ("MULTI",),
    ("EVAL", "redis.call('set','m','2') return redis.call('get','m')", "0"),
    ("EVAL", "redis.call('set','m',3) redis.call('nosuch')", "0"),
    ("GET", "m"),
    ("EXEC",),
    ("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function(k, a) return {k[1], a[1]} end)"),
    ("FUNCTION", "LOAD", "#!lua name=lib\nreturn 1"),
    ("FUNCTION", "LOAD", "#!lua name=other\nreturn 1"),
    ("FUNCTION", "LOAD", "#!lua name=other\nx x"),
    ("FUNCTION", "LOAD", "return 1"),
    ("FUNCTION", "LOAD", "#!lua\nx"),
    ("FUNCTION", "LOAD", "#!lua name=a-b\nx"),
    ("FUNCTION", "LOAD", "#!js name=a\nx"),
    ("FUNCTION", "LOAD", "#!lua name=a foo=b\nx"),
    ("FUNCTION", "LOAD", "#!lua name=a name=b\nx"),
    ("FUNCTION", "LOAD", "#!lua name=\nx"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function('f', function() end)"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function('a b', function() end)"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function('a')"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function('a', 'b')"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function()"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function({}, function() end)"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function{function_name='a'}"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function{callback=function() end}"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function{function_name='x', callback=function() end, flags={'nope'}}"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function{function_name='x', callback=function() end, flags='nope'}"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nredis.register_function{function_name='x', callback=function() end, bogus=1}"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nx = 1"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nlocal x = y"),
    ("FUNCTION", "LOAD", "#!lua name=l3\nlocal t = nil\nt.x = 1"),
    ("FUNCTION", "LOAD", "REPLACE"),
    ("FUNCTION", "LOAD", "BOGUS", "x"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "LIST", "WITHCODE", "LIBRARYNAME", "l*"),
    ("FUNCTION", "LIST", "LIBRARYNAME"),
    ("FUNCTION", "LIST", "BOGUS"),
    ("FUNCTION", "LIST", "WITHCODE", "WITHCODE"),
    ("FCALL", "f", "1", "a", "b"),
    ("FCALL", "F", "1", "a", "b"),
    ("FCALL", "f"),
    ("FCALL", "f", "x"),
    ("FCALL", "f", "-1"),
    ("FCALL", "f", "4", "a"),
    ("FCALL", "nosuch", "0"),
    ("FCALL_RO", "f", "0"),
    ("FCALL", "r", "0"),
    ("FCALL_RO", "r", "0"),
    ("FCALL", "f", "0"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "STATS"),
    ("FUNCTION", "RESTORE", "abc"),
    ("FUNCTION", "RESTORE", "abc", "BOGUS"),
    ("FUNCTION", "DELETE", "nosuch"),
    ("FUNCTION", "DELETE", "lib"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "FLUSH", "BOGUS"),
    ("FUNCTION", "FLUSH", "SYNC"),
    ("FUNCTION", "KILL"),
    ("FUNCTION", "STATS", "x"),
    ("FUNCTION", "NOPE"),
    ("FUNCTION",),
)
