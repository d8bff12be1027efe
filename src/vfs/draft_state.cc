#include "vfs/draft_state.h"

namespace driveway::vfs {
namespace {

constexpr char kWritten = 'w';
constexpr char kOnDisk = 'd';

}  // namespace

std::string encode(const DraftState& state) {
  std::string bytes;
  bytes.reserve(2 + state.base_sha256.size() + state.dirty.size());
  bytes.push_back(state.on_disk ? kOnDisk : kWritten);
  bytes.append(state.base_sha256);
  bytes.push_back('\0');
  bytes.append(state.dirty);
  return bytes;
}

Result<DraftState> decode_draft_state(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  if (bytes.empty() || (bytes.front() != kWritten && bytes.front() != kOnDisk) ||
      end == std::string_view::npos) {
    return Error{ErrorCode::kCorrupt, "the state of a changed file cannot be read"};
  }
  return DraftState{bytes.front() == kOnDisk, std::string(bytes.substr(1, end - 1)),
                    std::string(bytes.substr(end + 1))};
}

}  // namespace driveway::vfs
