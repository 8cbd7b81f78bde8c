// Asks for instance metadata over TCP, a segment for each request and each answer.
#pragma once

#include <optional>
#include <string>

#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

/// A guest's end of a connection to the metadata service, which loses nothing and sends each request in one segment.
template <typename Vpc>
struct MetadataClient {
  Vpc& vpc;
  std::string guest;
  std::uint16_t port;
  std::uint32_t sent = 1000, received = 0;
  std::uint8_t time_to_live = 0;  // of the last answer

  Frame segment(std::uint8_t flags, const std::string& data) const {
    const Path path = vpc.path_to(guest, "169.254.169.254");
    Frame l4;
    TcpHeader header;
    header.source_port = Be16(port);
    header.destination_port = Be16(80);
    header.sequence = Be32(sent);
    header.acknowledgment = Be32(received);
    header.flags = flags;
    header.window = Be16(60000);
    put(l4, header);
    l4.insert(l4.end(), data.begin(), data.end());
    header_at<TcpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolTcp, l4);
    return ipv4(path, kProtocolTcp, l4);
  }
  std::optional<Frame> tell(std::uint8_t flags, const std::string& data = "") {
    vpc.send(guest, segment(flags, data));
    sent += static_cast<std::uint32_t>(data.size()) + ((flags & (TcpHeader::kSyn | TcpHeader::kFin)) != 0 ? 1 : 0);
    const std::optional<Frame> got = vpc.receive(guest);
    if (!got) return got;
    const auto& header = header_at<TcpHeader>(*got, kIpv4L4Offset);
    const std::size_t size = got->size() - kIpv4L4Offset - header.header_bytes();
    received = header.sequence.host() + static_cast<std::uint32_t>(size) +
               ((header.flags & (TcpHeader::kSyn | TcpHeader::kFin)) != 0 ? 1 : 0);
    time_to_live = header_at<Ipv4Header>(*got, kIpOffset).time_to_live;
    return got;
  }
  bool open() { return tell(TcpHeader::kSyn) && !tell(TcpHeader::kAck); }
  /// The body, or the status when it is not 200.
  std::string ask(const std::string& request) {
    const auto got = tell(TcpHeader::kAck | TcpHeader::kPsh, request + "Host: x\r\n\r\n");
    if (!got) return "nothing";
    const std::string all(got->begin() + kIpv4L4Offset + sizeof(TcpHeader), got->end());
    return all.starts_with("HTTP/1.1 200 ") ? all.substr(all.find("\r\n\r\n") + 4) : all.substr(9, 3);
  }
  std::string token(int seconds = 600) {
    return ask("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: " + std::to_string(seconds) +
               "\r\n");
  }
  std::string get(const std::string& path, const std::string& token) {
    return ask("GET /latest/" + path + " HTTP/1.1\r\nX-aws-ec2-metadata-token: " + token + "\r\n");
  }
};

}  // namespace weft::test
