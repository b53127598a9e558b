-- The health of an At, as kstatus sees it (which Flux uses), in Argo CD's words.

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
  local verdict = status.phase
  if verdict == "Pending" then
    verdict = "Cannot start"
  end
  return {status = "Degraded", message = verdict .. ": " .. stalled.message}
end
if status.phase == "Suspended" then
  return {status = "Suspended", message = ready.message}
end
-- A Pod that runs is healthy, however long it takes, so that it holds up no sync wave. One that
-- cannot start (its image can't be pulled, no node has room) says so in the status's reason.
if ready.status ~= "True" or (status.phase == "Running" and status.reason ~= nil) then
  return {status = "Progressing", message = ready.message}
end
return {status = "Healthy", message = ready.message}
