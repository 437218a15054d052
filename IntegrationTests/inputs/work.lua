-- Closures, errors caught by pcall (longjmp), coroutines, strings, tables and the collector: the
-- same calls on every run. Table keys are integers, or strings whose order is never asked for.

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(20))

local caught = 0
for i = 1, 500 do
    local ok, err = pcall(function()
        local inner = pcall(error, { code = i })
        if i % 3 == 0 then error("third " .. i) end
        if i % 5 == 0 then local t = nil; return t.field end
        return inner
    end)
    if not ok then caught = caught + 1 end
end
print("caught", caught)

local function producer(n)
    return coroutine.wrap(function() for i = 1, n do coroutine.yield(i * i) end end)
end
local sum = 0
for value in producer(2000) do sum = sum + value end
local broken = coroutine.create(function() coroutine.yield(1); error("in a coroutine") end)
coroutine.resume(broken)
print("coroutines", sum, coroutine.resume(broken), coroutine.status(broken))

local words = {}
for i = 1, 3000 do words[#words + 1] = string.format("%05d-%s", i * 7919 % 10007, ("x"):rep(i % 7)) end
table.sort(words)
local text = table.concat(words, " ")
local count = 0
for word in text:gmatch("%d+%-x+") do if word:find("7", 1, true) then count = count + 1 end end
print("strings", #text, count, (text:gsub("x+", "y")):sub(1, 20))

local proxy = setmetatable({}, { __index = function(_, key) return key * 2 end, __gc = function() end })
local total = 0
for i = 1, 2000 do total = total + proxy[i] end
for _ = 1, 50 do
    local garbage = {}
    for i = 1, 200 do garbage[i] = setmetatable({ i }, { __gc = function() total = total + 1 end }) end
end
collectgarbage()
print("collector", total)
print("load", load("local a, b = ...; return a // b, a % b")(17, 5))
print(select("#", xpcall(error, debug.traceback, "traced")))
