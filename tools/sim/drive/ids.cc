#include "sim/drive/ids.h"

#include <cstdint>
#include <cstring>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::sim {

namespace {

constexpr std::size_t kRandom = 16;
constexpr std::size_t kCheck = 8;

std::string check_of(std::string_view random, IdUse use) {
  std::string text = cat("driveway-sim ", use == IdUse::kFile ? "files " : "shortcuts ");
  text += random;
  return hash_bytes(HashKind::kMd5, text).substr(0, kCheck);
}

}  // namespace

std::string make_item_id(IdUse use) {
  std::string bytes = random_bytes(kRandom);
  bytes += check_of(bytes, use);
  return "1" + base64url(bytes);
}

bool is_generated_id(std::string_view id, IdUse use) {
  if (id.size() != 33 || id.front() != '1') return false;
  const auto bytes = from_base64url(id.substr(1));
  if (!bytes.ok() || bytes->size() != kRandom + kCheck) return false;
  const std::string_view random = std::string_view(*bytes).substr(0, kRandom);
  return bytes->substr(kRandom) == check_of(random, use);
}

std::string make_root_id() { return "0A" + base64url(random_bytes(8)) + "Uk9PVA"; }

std::string make_permission_id() {
  std::uint64_t word = 0;
  const std::string bytes = random_bytes(sizeof word);
  std::memcpy(&word, bytes.data(), sizeof word);
  std::string digits = cat(word);
  return std::string(20 - digits.size(), '0') + digits;
}

std::string make_upload_id() { return "ADPycd" + base64url(random_bytes(48)); }

}  // namespace driveway::sim
