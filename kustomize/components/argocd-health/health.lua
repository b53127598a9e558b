-- Will this At do as it is written? What kstatus answers (which Flux uses), in Argo CD's words. How
-- its run goes is told by the message: it must neither hold up a sync wave nor fail a sync.

local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "not seen yet: cnat looks once a minute"}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, stalled = conditions.Ready or {}, conditions.Stalled or {}

if stalled.status == "True" then
  return {status = "Degraded", message = "cannot start as written: " .. stalled.message}
end
return {status = "Healthy", message = (status.phase or "") .. ": " .. (ready.message or "")}
