-- A Wireshark dissector of Weft's EFA packets as `weft capture` shows them: the queue header, the transport header with its
-- acknowledgements (docs/wire-format.md), and the RDM packet behind it (docs/rdm-protocol.md).
--
--   tshark -X lua_script:tools/wireshark/weft_srd.lua -r capture.pcapng
--   Wireshark: copy this folder into the personal plugins folder (Help, About, Folders)
--
-- Display filters begin with weft_srd or weft_rdm, e.g. weft_srd.flags.acknowledgement == 1 or weft_rdm.type == 72.

package.path = __DIR__ .. "/?.lua;" .. package.path
local Reader = require("weft_reader")
local message = require("weft_rdm")

local srd = Proto("weft_srd", "Weft SRD")
local rdm = Proto("weft_rdm", "Weft RDM")

local VERSION = 1
local ACK_REQUESTED, CREDIT_ONLY, RESTART, ACKNOWLEDGEMENT = 1, 2, 8, 32
local MOST_WORDS, MOST_ECHOES = 8, 8

local queue = {
  source = ProtoField.uint32("weft_srd.source_qp", "Source queue pair"),
  destination = ProtoField.uint32("weft_srd.destination_qp", "Destination queue pair"),
  key = ProtoField.uint32("weft_srd.destination_key", "Destination key", base.HEX),
}
local header = {
  version = ProtoField.uint8("weft_srd.version", "Version"),
  flags = ProtoField.uint8("weft_srd.flags", "Flags", base.HEX),
  path = ProtoField.uint8("weft_srd.path", "Path"),
  session = ProtoField.uint8("weft_srd.session", "Session"),
  psn = ProtoField.uint32("weft_srd.psn", "Packet sequence number"),
  acknowledged = ProtoField.uint32("weft_srd.acknowledged", "First psn that has not come"),
  unknown_session = ProtoField.uint32("weft_srd.unknown_session", "Session that is not known"),
  header_count = ProtoField.uint32("weft_srd.header_count", "Headers sent"),
  credit = ProtoField.uint32("weft_srd.credit", "Credit"),
}
local flags = {
  { 1, "ack_requested", "Acknowledgement requested" }, { 2, "credit_only", "Credit only" },
  { 4, "hold_requests", "Hold requests" }, { 8, "restart", "Restart" }, { 16, "established", "Established" },
  { 32, "acknowledgement", "Acknowledgement" },
}
local ack = {
  session = ProtoField.uint8("weft_srd.ack.session", "Session acknowledged"),
  words = ProtoField.uint8("weft_srd.ack.words", "Words of bitmap"),
  echoes = ProtoField.uint8("weft_srd.ack.echoes", "Echoes"),
  incarnation = ProtoField.uint32("weft_srd.ack.incarnation", "Incarnation", base.HEX),
  bitmap = ProtoField.bytes("weft_srd.ack.bitmap", "Bitmap"),
  came = ProtoField.uint32("weft_srd.ack.psn", "Has come: psn"),
  echo_psn = ProtoField.uint32("weft_srd.echo.psn", "Psn"),
  echo_delay = ProtoField.uint32("weft_srd.echo.delay", "Delay in the ring (ns)"),
  echo_path = ProtoField.uint8("weft_srd.echo.path", "Path"),
  echo_flags = ProtoField.uint8("weft_srd.echo.flags", "Flags", base.HEX),
  echo_congested = ProtoField.bool("weft_srd.echo.congested", "Congestion marked", 8, nil, 1),
}
local flag_fields = Reader.bit_fields("weft_srd.flags.", flags, 8)

srd.fields = Reader.fields_of(queue, header, flag_fields, ack)
srd.experts = { Reader.malformed, Reader.unknown, Reader.cut_short }
rdm.fields = message.fields

-- 0xEFA0: dynamic, so nobody's (RFC 6335, 6), and above the ports that Linux gives to clients (32768 to 60999).
srd.prefs.port = Pref.uint("UDP port", 61344, "The destination port of EFA packets in Weft's captures")

-- The bits as numbers, each an item, and as text: "3-5, 9".
local function dissect_bitmap(packet, tree, first, words)
  local range, item = packet:take(tree, ack.bitmap, words * 8)
  local runs = {}
  for i = 0, words * 64 - 1 do
    local byte = range(math.floor(i / 8), 1)
    if Reader.has_flag(byte:uint(), bit32.lshift(1, i % 8)) then
      local psn = (first + 1 + i) % 4294967296
      item:add(ack.came, byte, psn)
      local run = runs[#runs]
      if run and run.last == i - 1 then run.last, run.to = i, psn
      else runs[#runs + 1] = { last = i, from = psn, to = psn } end
    end
  end
  for i, run in ipairs(runs) do runs[i] = run.from == run.to and tostring(run.from) or (run.from .. "-" .. run.to) end
  return table.concat(runs, ", ")
end

local function dissect_acknowledgement(packet, root, first)
  if not packet:has(root, 8, "the acknowledgement") then return end
  local tree = root:add(packet.buffer(packet.at), "Acknowledgement")
  local session = packet:number(tree, ack.session, 1)
  local words = packet:number(tree, ack.words, 1)
  local echoes = packet:number(tree, ack.echoes, 1)
  packet.at = packet.at + 1
  packet:number(tree, ack.incarnation, 4)
  packet.info = string.format("Ack of session %d before psn %d", session, first)
  if words > MOST_WORDS or echoes > MOST_ECHOES then return packet:complain(tree, Reader.malformed, "too many words or echoes") end
  if words > 0 then
    if not packet:has(tree, words * 8, "the bitmap") then return end
    packet.info = packet.info .. " and " .. dissect_bitmap(packet, tree, first, words)
  end
  for i = 1, echoes do
    if not packet:has(tree, 12, "echo " .. i) then return end
    local echo = tree:add(packet.buffer(packet.at, 12), "Echo " .. i)
    packet:number(echo, ack.echo_psn, 4)
    packet:number(echo, ack.echo_delay, 4)
    packet:number(echo, ack.echo_path, 1)
    packet:bits(echo, ack.echo_flags, { ack.echo_congested }, 1)
    packet.at = packet.at + 2
  end
  packet:finish(tree)
end

-- Returns what the info column ends with.
local function dissect_transport(packet, tree, root)
  if not packet:has(tree, 16, "the transport header") then return "" end
  local version, item = packet:number(tree, header.version, 1)
  local all = packet:bits(tree, header.flags, flag_fields, 1)
  local path = packet:number(tree, header.path, 1)
  local session = packet:number(tree, header.session, 1)
  local psn = packet:number(tree, header.psn, 4)
  local is_ack, is_restart = Reader.has_flag(all, ACKNOWLEDGEMENT), Reader.has_flag(all, RESTART)
  local word = is_ack and header.acknowledged or is_restart and header.unknown_session or header.header_count
  local acknowledged = packet:number(tree, word, 4)
  local credit = packet:number(tree, header.credit, 4)
  local where = string.format("session %d path %d credit %d", session, path, credit)
  if version ~= VERSION then
    packet:complain(item, Reader.unknown, "this version is not known")
    packet.info = "Unknown version " .. version
    return ""
  end
  if is_ack then
    dissect_acknowledgement(packet, tree, acknowledged)
  elseif is_restart then
    packet.info = "Restart: no session " .. acknowledged
    packet:finish(tree)
  elseif Reader.has_flag(all, CREDIT_ONLY) then
    packet.info = Reader.has_flag(all, ACK_REQUESTED) and "Credit, and asks for it" or "Credit"
    packet:finish(tree)
  else
    where = string.format("psn %d %s", psn, where)
    if packet:has(tree, 8, "the RDM header") then
      message.dissect(packet, root:add(rdm, packet.buffer(packet.at)))
    end
  end
  return where
end

function srd.dissector(buffer, pinfo, root)
  if pinfo.dst_port ~= srd.prefs.port then return 0 end  -- the table finds by either port
  local packet = Reader.of(buffer)
  local tree = root:add(srd, buffer())
  pinfo.cols.protocol = "WeftSRD"
  local where = ""
  if packet:has(tree, 12, "the queue header") then
    packet:number(tree, queue.source, 4)
    packet:number(tree, queue.destination, 4)
    packet:number(tree, queue.key, 4)
    where = dissect_transport(packet, tree, root)
  end
  pinfo.cols.info = packet.info .. (where == "" and "" or ", " .. where)
  tree:append_text(", " .. tostring(packet.info))
  return buffer:captured_len()
end

local registered
local function register()
  local ports = DissectorTable.get("udp.port")
  if registered then ports:remove(registered, srd) end
  registered = srd.prefs.port
  ports:add(registered, srd)
end
srd.prefs_changed = register
register()
