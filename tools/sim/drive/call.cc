#include "sim/drive/call.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::sim {

namespace {
constexpr std::string_view kTokenPrefix = "~!!~";
constexpr std::size_t kMark = 8;  // bytes of a digest

std::string mark_of(std::string_view text) {
  return hash_bytes(HashKind::kMd5, cat("page token ", text)).substr(0, kMark);
}
}  // namespace

std::string Call::text(std::string_view name) const {
  const std::string* value = query(name);
  return value == nullptr ? std::string() : *value;
}

bool Call::flag(std::string_view name, bool fallback) const {
  return value_or_refuse(flag_parameter(head, name, fallback)).value;
}

bool Call::literal_flag(std::string_view name) const {
  return value_or_refuse(flag_parameter(head, name)).literally_true;
}

bool Call::supports_all_drives() const {
  const bool supports = literal_flag("supportsAllDrives");
  return literal_flag("supportsTeamDrives") || supports;
}

int Call::number(std::string_view name, IntBounds bounds) const {
  return value_or_refuse(int_parameter(head, name, bounds));
}

FieldMask Call::mask(const Resource& type) const {
  const std::string* fields = query("fields");
  if (fields == nullptr) return FieldMask::default_of(type);
  return value_or_refuse(FieldMask::parse(*fields, type));
}

std::string Call::origin() const {
  const std::string* host = head.header("Host");
  return cat(head.tls ? "https://" : "http://",
             host != nullptr ? *host : std::string("www.googleapis.com"));
}

std::string Call::read_body() const {
  auto text = body.read_all();
  if (text.ok()) return *std::move(text);
  if (text.failed_with(ErrorCode::kTooLarge)) {
    refuse(413, "uploadTooLarge", "Request Entity Too Large");
  }
  throw BodyGone{};
}

Reply Call::masked(const nlohmann::json& resource, const FieldMask& mask) const {
  return {200, compact_json(mask.wants_all() ? resource : mask.apply(resource)), false};
}

std::string compact_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void refuse_drive(std::string_view id) {
  ApiError error = errors::not_found(id);
  error.message = cat("Shared drive not found: ", id);
  error.location = "driveId";
  refuse(std::move(error));
}

std::string encode_page_token(const PageToken& token) {
  const std::string text = cat(token.issued, ' ', hex(mark_of(token.query)), ' ', token.position);
  return cat(kTokenPrefix, base64url(mark_of(text) + text));
}

std::string page_position(const Call& call, std::string_view token, std::string_view query) {
  const ApiError unknown = errors::invalid_value("pageToken");
  if (!token.starts_with(kTokenPrefix)) refuse(unknown);
  const auto bytes = from_base64url(token.substr(kTokenPrefix.size()));
  if (!bytes.ok() || bytes->size() < kMark) refuse(unknown);
  const std::string text = bytes->substr(kMark);
  if (bytes->substr(0, kMark) != mark_of(text)) refuse(unknown);
  const auto first = text.find(' ');
  const auto second = text.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) refuse(unknown);
  if (text.substr(first + 1, second - first - 1) != hex(mark_of(query))) refuse(unknown);
  const Ms issued = parse_int(text.substr(0, first)).value_or(0);
  const Millis life = call.state.config.get()->drive.page_token_life;
  if (issued + life.count() <= call.state.world.now()) {
    refuse(403, "pageTokenExpired",
           "The specified page token has expired, and can no longer be used.");
  }
  return text.substr(second + 1);
}

}  // namespace driveway::sim
