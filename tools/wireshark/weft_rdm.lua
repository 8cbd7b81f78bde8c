-- The RDM packet behind the transport header (docs/rdm-protocol.md): fields and how they are read. weft_srd.lua, which needs
-- it, registers them.
local Reader = require("weft_reader")

local has_flag = Reader.has_flag

local VERSION = 1
local DIRECT = 4

local TYPES = {
  [3] = "CTS", [4] = "CTSDATA", [5] = "READDATA", [8] = "ATOMRESULT", [10] = "RECEIPT", [32] = "DONE",
  [64] = "EAGER_MSGRTM", [65] = "EAGER_TAGRTM", [66] = "MEDIUM_MSGRTM", [67] = "MEDIUM_TAGRTM",
  [68] = "LONGCTS_MSGRTM", [69] = "LONGCTS_TAGRTM", [70] = "WRITE", [72] = "READ",
  [74] = "ATOMIC", [75] = "FETCH", [76] = "COMPARE",
}
local STATUSES = {
  [0] = "done", [1] = "no such key", [2] = "outside the region", [3] = "no access", [4] = "no such atomic",
  [5] = "not by direct access",
}
local ATOMIC_OPS = {
  [0] = "MIN", "MAX", "SUM", "PROD", "LOR", "LAND", "BOR", "BAND", "LXOR", "BXOR", "READ", "WRITE", "CSWAP", "CSWAP_NE",
  "CSWAP_LE", "CSWAP_LT", "CSWAP_GE", "CSWAP_GT", "MSWAP",
}
local ATOMIC_READ = 10
local ATOMIC_TYPES = {
  [0] = "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FLOAT", "DOUBLE", "FLOAT_COMPLEX",
  "DOUBLE_COMPLEX", "LONG_DOUBLE", "LONG_DOUBLE_COMPLEX", "INT128", "UINT128",
}

local message = {
  type = ProtoField.uint8("weft_rdm.type", "Type", base.DEC, TYPES),
  version = ProtoField.uint8("weft_rdm.version", "Version"),
  options = ProtoField.uint16("weft_rdm.options", "Options", base.HEX),
  number = ProtoField.uint32("weft_rdm.message", "Message"),
  tag = ProtoField.uint64("weft_rdm.tag", "Tag", base.HEX),
  remote_data = ProtoField.uint64("weft_rdm.remote_data", "Remote data", base.HEX),
  total = ProtoField.uint64("weft_rdm.total", "Total length"),
  offset = ProtoField.uint64("weft_rdm.offset", "Offset"),
  sender_operation = ProtoField.uint32("weft_rdm.sender_operation", "Sender's operation"),
  receiver_operation = ProtoField.uint32("weft_rdm.receiver_operation", "Receiver's operation"),
  window_end = ProtoField.uint64("weft_rdm.window_end", "Window end"),
  wanted = ProtoField.uint64("weft_rdm.wanted", "Bytes wanted"),
  operation = ProtoField.uint32("weft_rdm.operation", "Operation"),
  sequence = ProtoField.uint32("weft_rdm.sequence", "Atomic sequence"),
  pieces = ProtoField.uint32("weft_rdm.pieces", "Pieces"),
  direct_pieces = ProtoField.uint32("weft_rdm.direct_pieces", "Direct pieces"),
  address = ProtoField.uint64("weft_rdm.address", "Remote address", base.HEX),
  length = ProtoField.uint64("weft_rdm.length", "Length"),
  key = ProtoField.uint64("weft_rdm.key", "Key", base.HEX),
  direct_address = ProtoField.uint64("weft_rdm.direct.address", "Initiator's address", base.HEX),
  direct_length = ProtoField.uint64("weft_rdm.direct.length", "Length"),
  atomic_op = ProtoField.uint8("weft_rdm.atomic.op", "Operation on it", base.DEC, ATOMIC_OPS),
  atomic_type = ProtoField.uint8("weft_rdm.atomic.type", "Type of element", base.DEC, ATOMIC_TYPES),
  operands = ProtoField.bytes("weft_rdm.atomic.operands", "Operands"),
  comparands = ProtoField.bytes("weft_rdm.atomic.comparands", "Comparands"),
  number_done = ProtoField.uint32("weft_rdm.done.number", "Number"),
  status = ProtoField.uint32("weft_rdm.done.status", "Status", base.DEC, STATUSES),
  data = ProtoField.bytes("weft_rdm.data", "Data"),
  data_length = ProtoField.uint32("weft_rdm.data_length", "Data length"),
}
local options = {
  { 1, "has_remote_data", "Remote data means something" }, { 2, "wants_receipt", "Receipt wanted" }, { 4, "direct", "Direct" },
}

local option_fields = Reader.bit_fields("weft_rdm.options.", options, 16)

-- The rest, as far as it was captured.
local function data(packet, tree)
  local length, captured = packet:left(), packet.buffer:captured_len() - packet.at
  local item = tree:add(message.data_length, length)
  item:set_generated()
  if captured > 0 then tree:add(message.data, packet.buffer(packet.at, captured)) end
  packet.at = packet.at + length
  packet.info = string.format("%s, %d bytes", packet.info, length)
end

local function direct_pieces(packet, tree, count)
  for i = 1, count do
    if not packet:has(tree, 16, "direct piece " .. i) then return false end
    local piece = tree:add(packet.buffer(packet.at, 16), "Direct piece " .. i)
    packet:number(piece, message.direct_address, 8)
    packet:number(piece, message.direct_length, 8)
  end
  return true
end

-- Returns the sum of their lengths, or nil.
local function remote_pieces(packet, tree, count)
  local total = UInt64(0)
  for i = 1, count do
    if not packet:has(tree, 24, "piece " .. i) then return nil end
    local piece = tree:add(packet.buffer(packet.at, 24), "Piece " .. i)
    packet:number(piece, message.address, 8)
    total = total + packet:number(piece, message.length, 8)
    packet:number(piece, message.key, 8)
  end
  return total
end

local function request(packet, tree, base)
  local tag = packet:number(tree, message.tag, 8)
  packet:number(tree, message.remote_data, 8)
  if base.type % 2 == 1 then packet.info = packet.info .. " tag 0x" .. tag:tohex() end
end

local function eager(packet, tree, base)
  request(packet, tree, base)
  data(packet, tree)
end

local function medium(packet, tree, base)
  request(packet, tree, base)
  local total = packet:number(tree, message.total, 4)
  local offset = packet:number(tree, message.offset, 4)
  packet.info = string.format("%s offset %d of %d", packet.info, offset, total)
  data(packet, tree)
end

local function long(packet, tree, base)
  request(packet, tree, base)
  packet.info = packet.info .. " total " .. tostring(packet:number(tree, message.total, 8))
  packet:number(tree, message.sender_operation, 4)
  local pieces = packet:number(tree, message.pieces, 4)
  if not has_flag(base.options, DIRECT) then return data(packet, tree) end
  if direct_pieces(packet, tree, pieces) then packet:finish(tree) end
end

local function cts(packet, tree)
  packet:number(tree, message.sender_operation, 4)
  packet:number(tree, message.receiver_operation, 4)
  packet.info = packet.info .. " window end " .. tostring(packet:number(tree, message.window_end, 8))
  packet:number(tree, message.wanted, 8)
  packet:finish(tree)
end

local function part(operation)
  return function(packet, tree)
    packet:number(tree, operation, 4)
    packet.at = packet.at + 4
    packet.info = packet.info .. " offset " .. tostring(packet:number(tree, message.offset, 8))
    packet.at = packet.at + 24
    data(packet, tree)
  end
end

local function write(packet, tree, base)
  packet:number(tree, message.operation, 4)
  local pieces = packet:number(tree, message.pieces, 4)
  packet:number(tree, message.total, 8)
  packet:number(tree, message.address, 8)
  packet:number(tree, message.key, 8)
  packet:number(tree, message.remote_data, 8)
  if not has_flag(base.options, DIRECT) then return data(packet, tree) end
  if direct_pieces(packet, tree, pieces) then packet:finish(tree) end
end

local function read(packet, tree)
  packet:number(tree, message.operation, 4)
  local pieces = packet:number(tree, message.pieces, 2)
  local direct = packet:number(tree, message.direct_pieces, 2)
  local total = remote_pieces(packet, tree, pieces)
  if not total then return end
  packet.info = packet.info .. " of " .. tostring(total) .. " bytes"
  if direct_pieces(packet, tree, direct) then packet:finish(tree) end
end

local function atomic(packet, tree, base)
  packet:number(tree, message.operation, 4)
  packet:number(tree, message.sequence, 4)
  packet:number(tree, message.remote_data, 8)
  local op = packet:number(tree, message.atomic_op, 1)
  local element = packet:number(tree, message.atomic_type, 1)
  local pieces = packet:number(tree, message.pieces, 1)
  packet.at = packet.at + 5
  packet.info = string.format("%s %s of %s", packet.info, ATOMIC_OPS[op] or op, ATOMIC_TYPES[element] or element)
  local total = remote_pieces(packet, tree, pieces)
  if not total then return end
  if total > UInt64(packet:left()) then
    total = op == ATOMIC_READ and UInt64(0) or UInt64(packet:left() + 1)  -- operands that cannot be there
  end
  local length = total:tonumber()
  if op ~= ATOMIC_READ and not packet:bytes(tree, message.operands, length, "operands") then return end
  if base.type == 76 and not packet:bytes(tree, message.comparands, length, "comparands") then return end
  packet:finish(tree)
end

local function atomic_result(packet, tree)
  packet:number(tree, message.operation, 4)
  packet.at = packet.at + 4
  data(packet, tree)
end

local function done(packet, tree)
  while packet:left() > 0 do
    if not packet:has(tree, 12, "an entry") then return end
    local entry = tree:add(packet.buffer(packet.at, 12), "Entry")
    packet:number(entry, message.operation, 4)
    packet:number(entry, message.number_done, 4)
    packet:number(entry, message.status, 4)
  end
end

-- By type: bytes of header behind the first 8, and who reads them and what follows.
local BODIES = {
  [3] = { 24, cts }, [4] = { 40, part(message.receiver_operation) }, [5] = { 40, part(message.operation) },
  [8] = { 8, atomic_result }, [10] = { 0, Reader.finish }, [32] = { 0, done },
  [64] = { 16, eager }, [65] = { 16, eager }, [66] = { 24, medium }, [67] = { 24, medium },
  [68] = { 32, long }, [69] = { 32, long }, [70] = { 40, write }, [72] = { 8, read },
  [74] = { 24, atomic }, [75] = { 24, atomic }, [76] = { 24, atomic },
}

-- `tree` is the protocol's own. There are 8 bytes.
local function dissect(packet, tree)
  local base = {}
  base.type = packet:number(tree, message.type, 1)
  local version, item = packet:number(tree, message.version, 1)
  base.options = packet:bits(tree, message.options, option_fields, 2)
  local number = packet:number(tree, message.number, 4)
  local name = TYPES[base.type] or ("type " .. base.type)
  packet.info = string.format("%s %d", name, number)
  tree:append_text(", " .. packet.info)
  if version ~= VERSION then return packet:complain(item, Reader.unknown, "this version is not known") end
  local body = BODIES[base.type]
  if not body then return packet:complain(tree, Reader.unknown, "this type is not known") end
  if packet:has(tree, body[1], name) then body[2](packet, tree, base) end
end

return { fields = Reader.fields_of(message, option_fields), dissect = dissect }
