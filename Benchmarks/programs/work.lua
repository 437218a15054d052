-- About a second of calls, tables, strings, closures and collection.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(27))
local words = {}
for i = 1, 150000 do words[i] = string.format("%06d", i * 7919 % 1000003) end
table.sort(words)
local count = 0
for word in table.concat(words, " "):gmatch("%d+") do if word:find("77", 1, true) then count = count + 1 end end
print(count)
local sum = 0
for i = 1, 100000 do
    local ok, value = pcall(function() return i * 2 end)
    if ok then sum = sum + value end
end
local thread = coroutine.wrap(function() for i = 1, 200000 do coroutine.yield(i) end end)
for _ = 1, 200000 do sum = sum + thread() end
local objects = {}
for i = 1, 300000 do objects[i % 1000] = setmetatable({ i }, { __index = objects }) end
print(sum)
