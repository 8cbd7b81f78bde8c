-- What weft_srd.lua and weft_rdm.lua read packets with.
-- Reads a packet from front to back. What the packet lacks is malformed, what the capture lacks (weft capture -s) is not;
-- in both cases nothing more is read.
local Reader = {}
Reader.__index = Reader

Reader.malformed = ProtoExpert.new("weft_srd.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
Reader.unknown = ProtoExpert.new("weft_srd.unknown", "Unknown", expert.group.PROTOCOL, expert.severity.WARN)
Reader.cut_short = ProtoExpert.new("weft_srd.cut_short", "Not captured", expert.group.UNDECODED, expert.severity.NOTE)

function Reader.of(buffer) return setmetatable({ buffer = buffer, at = 0, info = "Malformed" }, Reader) end

function Reader.has_flag(all, flag) return bit32.band(all, flag) ~= 0 end

-- A field of one bit each: of { mask, name, title }.
function Reader.bit_fields(prefix, bits, width)
  local fields = {}
  for _, one in ipairs(bits) do
    local mask, name, title = table.unpack(one)
    fields[#fields + 1] = ProtoField.bool(prefix .. name, title, width, nil, mask)
  end
  return fields
end

-- All fields of these tables.
function Reader.fields_of(...)
  local all = {}
  for _, group in ipairs({ ... }) do
    for _, field in pairs(group) do all[#all + 1] = field end
  end
  return all
end

function Reader:left() return self.buffer:reported_len() - self.at end

function Reader:complain(tree, which, text)
  tree:add_proto_expert_info(which, text)
  return false
end

function Reader:has(tree, length, what)
  if self:left() < length then
    return self:complain(tree, Reader.malformed, string.format("%s needs %d bytes, there are %d", what, length, self:left()))
  end
  if self.buffer:captured_len() - self.at < length then
    return self:complain(tree, Reader.cut_short, "the capture ends inside of " .. what)
  end
  return true
end

-- The next `length` bytes as this field, little endian. has() was asked.
function Reader:take(tree, field, length)
  local range = self.buffer(self.at, length)
  self.at = self.at + length
  return range, tree:add_le(field, range)
end

function Reader:number(tree, field, length)
  local range, item = self:take(tree, field, length)
  if length == 8 then return range:le_uint64(), item end
  return range:le_uint(), item
end

function Reader:bits(tree, field, fields, length)
  local range, item = self:take(tree, field, length)
  for _, one in ipairs(fields) do item:add_le(one, range) end
  return range:le_uint()
end

function Reader:bytes(tree, field, length, what)
  if length == 0 then return true end
  if not self:has(tree, length, what) then return false end
  self:take(tree, field, length)
  return true
end

-- Behind a packet that ends by itself.
function Reader:finish(tree)
  if self:left() > 0 then self:complain(tree, Reader.malformed, self:left() .. " bytes too many") end
end

return Reader
