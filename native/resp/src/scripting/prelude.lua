-- What every script finds: Lua's libraries and ours, none of which it can change.
--
-- A library is reached through a stand-in, an empty table that passes reads on and refuses writes. Functions of Lua that would write past
-- that are guarded. Globals are the same: reads of what is not there are refused too. `given` is what the server gives:
-- libraries, guarded functions, and `kept`, the stand-ins that guards refuse.
local given = ...
local REFUSED = 'Attempt to modify a readonly table'
local getinfo, error, tostring, type, rawget = debug.getinfo, error, tostring, type, rawget
local inner_metatable = debug.getmetatable
local xpcall, setmetatable, next, pairs = xpcall, setmetatable, next, pairs
local loadstring, byte, concat = loadstring, string.byte, table.concat
local real = given.kept

local function refuse()
  error(REFUSED, 2)
end

-- `shown` is what getmetatable gives.
local function readonly(table, shown)
  local proxy = {}
  real[proxy] = table
  return setmetatable(proxy, {__index = table, __newindex = refuse, __metatable = shown or false})
end

-- Walks of stand-ins show what they stand for.
local function walk(table, key)
  return next(real[table] or table, key)
end

local globals = {
  _VERSION = _VERSION,
  assert = assert,
  error = error,
  gcinfo = gcinfo,
  ipairs = ipairs,
  pcall = given.pcall,
  rawequal = rawequal,
  rawset = given.rawset,
  select = select,
  setmetatable = given.setmetatable,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  unpack = given.unpack,
  xpcall = xpcall,
  next = walk,
}

-- Of stand-ins there is none to be seen.
local getmetatable = getmetatable
function globals.getmetatable(value)
  return getmetatable(value) or nil
end

function globals.rawget(table, key)
  return rawget(real[table] or table, key)
end

function globals.pairs(table)
  if real[table] then
    return walk, table, nil
  end
  return pairs(table)
end

-- Binary chunks are not checked by Lua: they are text here, and fail as such.
function globals.loadstring(text, name)
  if type(text) == 'string' and byte(text) == 27 then
    return loadstring(' ' .. text, name or text)
  end
  return loadstring(text, name)
end

function globals.load(reader, name)
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == '' then
      break
    end
    if type(part) ~= 'string' then
      error('reader function must return a string')
    end
    parts[#parts + 1] = part
  end
  return globals.loadstring(concat(parts), name or '=(load)')
end

-- What would change how memory is collected for scripts that come later is refused.
local COLLECTIONS = {collect = true, count = true, step = true}
local collect = collectgarbage
function globals.collectgarbage(what, ...)
  if what ~= nil and not COLLECTIONS[what] then
    error('bad argument #1 to \'collectgarbage\' (not allowed in scripts)', 2)
  end
  return collect(what, ...)
end

for name, guard in pairs(given.tables) do
  table[name] = guard
end

-- Patterns are the server's: Lua's own cannot be stopped. What this returns is read as of every function of the server's.
local gsub_text, gsub_begin, gsub_next, sub = given.gsub_text, given.gsub_begin, given.gsub_next, string.sub
given.gsub_holder[1] = function(...)
  local _, pattern, asked = ...
  local kind = type(asked)
  if kind ~= 'function' and kind ~= 'table' then
    return gsub_text(...)
  end
  local ok, text, most = gsub_begin(...)
  if ok ~= true then
    return ok, text
  end
  local parts, at, count, wrong = {}, 0, 0, nil
  local function replace(start, stop, ...)
    count = count + 1
    local value
    if kind == 'function' then
      value = asked(...)
    else
      value = asked[(...)]
    end
    if not value then
      value = sub(text, start + 1, stop)
    elseif type(value) ~= 'string' and type(value) ~= 'number' then
      wrong = 'invalid replacement value (a ' .. type(value) .. ')'
      return
    end
    parts[#parts + 1] = sub(text, at + 1, start)
    parts[#parts + 1] = value
    if stop == start then
      -- Nothing was matched: what follows stays, and is passed.
      parts[#parts + 1] = sub(text, start + 1, start + 1)
      stop = start + 1
    end
    at = stop
  end
  local function found(went_well, start, ...)
    ok = went_well
    if ok ~= true then
      wrong = start
    elseif start then
      replace(start, ...)
      return not wrong
    end
  end
  while count < most and at <= #text and found(gsub_next(text, pattern, at)) do end
  if wrong then
    return ok ~= true and ok or nil, wrong
  end
  parts[#parts + 1] = sub(text, at + 1)
  return true, concat(parts), count
end
string.find, string.match, string.gmatch, string.gsub = given.find, given.match, given.gmatch, given.gsub
string.rep = given.rep
math.random, math.randomseed = given.random, given.randomseed
local strings = getmetatable('')
local string_library = readonly(string)
strings.__metatable = readonly({__index = string_library})

for name, library in pairs({
  string = string_library, table = readonly(table), math = readonly(math), coroutine = readonly(coroutine),
  os = readonly({clock = os.clock}), bit = readonly(given.bit), cjson = readonly(given.cjson),
  cmsgpack = readonly(given.cmsgpack), struct = readonly(given.struct), redis = readonly(given.redis),
}) do
  globals[name] = library
end

local function absent(_, name)
  error('Script attempted to access nonexistent global variable \'' .. tostring(name) .. '\'', 2)
end
setmetatable(globals, {__index = absent})
local seen = readonly(globals, readonly({__index = absent}))
globals._G = seen

-- While a library loads, it finds what registers functions and nothing else.
local registering = setmetatable({redis = readonly(setmetatable(given.loading, {__index = absent}))}, {__index = absent})
local environment = inner_metatable(seen)
local function limit(on)
  environment.__index = on and registering or globals
end

-- The place of an error: where the script called what raised it.
function globals.__redis__err__handler(err)
  local level, at = 2, getinfo(2, 'Sl')
  if at and at.what == 'C' then
    level, at = 3, getinfo(3, 'Sl')
  end
  while at and at.source == '=hyperdb' do
    level = level + 1
    at = getinfo(level, 'Sl')
  end
  local failure = {err = type(err) ~= 'table' and 'ERR ' .. tostring(err) or rawget(err, 'err'), source = at and at.source, line = at and at.currentline}
  if type(err) == 'table' then
    failure.ignore_error_stats_update = rawget(err, 'ignore_error_stats_update')
  end
  return failure
end
local failed = globals.__redis__err__handler

local function run(script)
  return xpcall(script, failed)
end

local function run_with(script, keys, arguments)
  return xpcall(function() return script(keys, arguments) end, failed)
end

return globals, seen, run, run_with, limit
