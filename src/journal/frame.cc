#include "journal/frame.h"

#include <span>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::string_view kMagic = "dwaylog\n";

std::uint32_t crc_of(std::string_view bytes, std::uint32_t crc = 0) {
  return crc32c(std::as_bytes(std::span(bytes)), crc);
}

// Of all of a frame but the crc itself.
std::uint32_t frame_crc(std::uint64_t salt, std::string_view fields, std::string_view payload) {
  const std::string salted = store::Writer().key64(salt).bytes();
  return crc_of(payload, crc_of(fields, crc_of(salted)));
}

}  // namespace

std::string encode_header(const SegmentHeader& header) {
  const std::string body = store::Writer()
                               .key64(header.number)
                               .key64(header.first)
                               .key64(header.durable)
                               .key64(header.salt)
                               .text(header.boot_id)
                               .text(header.account)
                               .take();
  store::Writer writer;
  writer.raw(kMagic).fixed32(kLogVersion).text(body);
  const std::uint32_t crc = crc_of(writer.bytes());
  return writer.fixed32(crc).take();
}

Result<ParsedHeader> parse_header(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Error{ErrorCode::kCorrupt, "it is not a log of driveway"};
  store::Reader reader(bytes.substr(kMagic.size()));
  const std::uint32_t version = reader.fixed32();
  if (reader.ok() && version != kLogVersion) {
    return Error{ErrorCode::kCorrupt,
                 cat("it has format version ", version, ", this program knows ", kLogVersion)};
  }
  const std::string_view body = reader.text();
  if (!reader.ok()) return Error{ErrorCode::kCorrupt, "its header is damaged"};
  const auto covered = static_cast<std::size_t>(body.data() + body.size() - bytes.data());
  const std::uint32_t crc = reader.fixed32();
  store::Reader fields(body);
  ParsedHeader parsed;
  parsed.header.number = fields.key64();
  parsed.header.first = fields.key64();
  parsed.header.durable = fields.key64();
  parsed.header.salt = fields.key64();
  parsed.header.boot_id = fields.text();
  parsed.header.account = fields.text();
  parsed.size = covered + sizeof crc;
  if (!reader.ok() || !fields.ok() || !fields.at_end() || crc != crc_of(bytes.substr(0, covered))) {
    return Error{ErrorCode::kCorrupt, "its header is damaged"};
  }
  return parsed;
}

std::string encode_frame(std::uint64_t salt, const Frame& frame) {
  store::Writer writer;
  writer.fixed32(static_cast<std::uint32_t>(frame.payload.size()))
      .key64(frame.sequence)
      .key64(frame.durable);
  const std::uint32_t crc = frame_crc(salt, writer.bytes(), frame.payload);
  return writer.fixed32(crc).raw(frame.payload).take();
}

std::optional<Frame> parse_frame(std::uint64_t salt, std::string_view bytes, std::uint64_t first,
                                 std::uint64_t last) {
  store::Reader reader(bytes);
  const std::uint32_t length = reader.fixed32();
  Frame frame;
  frame.sequence = reader.key64();
  frame.durable = reader.key64();
  const std::uint32_t crc = reader.fixed32();
  if (!reader.ok() || frame.sequence < first || frame.sequence > last ||
      frame.durable >= frame.sequence || length > kMaxPayload ||
      length > bytes.size() - kFrameOverhead) {
    return std::nullopt;
  }
  frame.payload = bytes.substr(kFrameOverhead, length);
  const std::string_view fields = bytes.substr(0, kFrameOverhead - sizeof crc);
  if (frame_crc(salt, fields, frame.payload) != crc) return std::nullopt;
  return frame;
}

}  // namespace driveway::journal
