-- Asks Keyward's check whether a request may pass. What comes of it is in variables of the
-- transaction; where there is none, haproxy.cfg refuses.

local check = os.getenv("CHECK_SOCKET")

-- What the check looks at. Several lines of one header stay several: two tokens are none.
local asked_with = {
    "authorization", "cookie", "origin", "sec-fetch-site", "access-control-request-method",
}

local told = {
    keyward_user = "x-auth-user",
    keyward_username = "x-auth-username",
    keyward_session = "x-auth-session",
    keyward_app = "x-auth-app",
    keyward_roles = "x-auth-roles",
    keyward_reason = "x-auth-reason",
    keyward_challenge = "www-authenticate",
    keyward_retry_after = "retry-after",
    keyward_rate = "ratelimit",
    keyward_rate_policy = "ratelimit-policy",
}

local function list(values)
    local all = {}
    local number = 0
    while values ~= nil and values[number] ~= nil do
        all[number + 1] = values[number]
        number = number + 1
    end
    return all
end

-- The app gets the client's cookies without Keyward's, which are worth a sign-in.
local function without_ours(line)
    local kept = {}
    for pair in line:gmatch("[^;]+") do
        pair = pair:match("^%s*(.-)%s*$")
        if pair ~= "" and not pair:gsub("^__Host%-", ""):find("^keyward%-") then
            kept[#kept + 1] = pair
        end
    end
    return table.concat(kept, "; ")
end

core.register_action("keyward", { "http-req" }, function(txn)
    txn:set_var("txn.keyward_status", 0)
    local sent = txn.http:req_get_headers()
    local headers = { ["x-forwarded-method"] = { txn.sf:method() } }
    for _, name in ipairs(asked_with) do
        if sent[name] ~= nil then
            headers[name] = list(sent[name])
        end
    end
    txn.http:req_del_header("cookie")
    for _, line in ipairs(list(sent["cookie"])) do
        local rest = without_ours(line)
        if rest ~= "" then
            txn.http:req_add_header("cookie", rest)
        end
    end
    local answer = core.httpclient():get{
        dst = check,
        url = "http://keyward/v1/check?" .. (txn:get_var("txn.keyward_asks") or ""),
        headers = headers,
        timeout = 5000,
    }
    if answer == nil or answer.status == nil then
        return
    end
    for variable, name in pairs(told) do
        local value = answer.headers[name] and answer.headers[name][0]
        txn:set_var("txn." .. variable, value or "")
    end
    txn:set_var("txn.keyward_body", answer.body or "")
    txn:set_var("txn.keyward_status", answer.status)
end, 0)
