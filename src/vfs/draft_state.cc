#include "vfs/draft_state.h"

#include <optional>

#include "base/strings.h"

namespace driveway::vfs {
namespace {

constexpr char kWritten = 'w';
constexpr char kOnDisk = 'd';
constexpr char kWithFormer = 'f';  // as kWritten

// Up to the next NUL, which goes with it.
std::optional<std::string_view> take_text(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return text;
}

std::optional<std::string_view> take_former(std::string_view& bytes) {
  const auto text = take_text(bytes);
  if (!text) return std::nullopt;
  const auto length = parse_uint(*text);
  if (!length || *length > bytes.size()) return std::nullopt;
  const std::string_view former = bytes.substr(0, *length);
  bytes.remove_prefix(*length);
  return former;
}

}  // namespace

drive::Item base_item(const journal::ContentBase& base, const DraftState& state,
                      const std::string& name) {
  drive::Item item;
  item.id = base.id;
  item.head_revision = base.revision;
  item.md5 = base.md5;
  item.sha256 = state.base_sha256;
  item.size = base.size;
  item.name = name;
  return item;
}

std::string encode(const DraftState& state) {
  const bool has_former = state.former && !state.on_disk;
  const char kind = state.on_disk ? kOnDisk : has_former ? kWithFormer : kWritten;
  std::string bytes;
  bytes.reserve(state.base_sha256.size() + state.dirty.size() + 32 +
                (has_former ? state.former->size() : 0));
  bytes += kind;
  bytes += state.base_sha256;
  bytes.push_back('\0');
  if (has_former) {
    bytes += cat(state.former->size());
    bytes.push_back('\0');
    bytes += *state.former;
  }
  bytes += state.dirty;
  return bytes;
}

Result<DraftState> decode_draft_state(std::string_view bytes) {
  const Error unreadable{ErrorCode::kCorrupt, "the state of a changed file cannot be read"};
  const auto text = take_text(bytes);
  if (!text || text->empty()) return unreadable;
  const char kind = text->front();
  DraftState state;
  state.on_disk = kind == kOnDisk;
  state.base_sha256 = text->substr(1);
  if (kind == kWithFormer) {
    const auto former = take_former(bytes);
    if (!former) return unreadable;
    state.former = *former;
  } else if (kind != kWritten && kind != kOnDisk) {
    return unreadable;
  }
  state.dirty = bytes;
  return state;
}

}  // namespace driveway::vfs
