#include "sim/drive/model.h"

#include <array>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "base/strings.h"

namespace driveway::sim {

Text intern(std::string_view text) {
  static std::mutex mutex;
  static auto* texts = new std::unordered_set<std::string>();  // lives as long as the process
  const std::lock_guard lock(mutex);
  return &*texts->emplace(text).first;
}

Kind kind_of_mime(std::string_view mime_type) {
  if (mime_type == mime::kFolder) return Kind::kFolder;
  if (mime_type == mime::kShortcut) return Kind::kShortcut;
  return mime_type.starts_with(mime::kPrefix) ? Kind::kDoc : Kind::kFile;
}

namespace {
constexpr std::array<std::string_view, 7> kRoles{
    "none", "reader", "commenter", "writer", "fileOrganizer", "organizer", "owner"};
}  // namespace

std::string_view to_string(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

std::optional<Role> parse_role(std::string_view name) {
  for (std::size_t i = 1; i < kRoles.size(); ++i) {
    if (kRoles[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

Bytes Item::quota_bytes() const {
  if (kind != Kind::kFile) return 0;
  Bytes sum = size();
  if (extras) {
    for (const Revision& revision : extras->old_revisions) sum += revision.content->size();
  }
  return sum;
}

const Extras& Item::extra() const {
  static const Extras none;
  return extras ? *extras : none;
}

const Personal& Item::personal(Text mail) const {
  static const Personal none;
  if (!extras) return none;
  const auto found = extras->personal.find(mail);
  return found == extras->personal.end() ? none : found->second;
}

std::string revision_id(const Item& item, std::uint64_t number) {
  // Spread over 24 bytes, so that neighbours do not look alike.
  std::uint64_t words[3];
  std::uint64_t state = item.serial * 0x9E3779B97F4A7C15ULL + number * 0xD1B54A32D192ED03ULL;
  for (std::uint64_t& word : words) {
    state += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    word = z ^ (z >> 31);
  }
  return "0B" + base64url(std::string_view(reinterpret_cast<const char*>(words), sizeof words));
}

}  // namespace driveway::sim
