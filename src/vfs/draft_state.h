// ContentState::state of a draft: the state of its dirty content, and what else a restart needs to
// know (docs/FORMAT.md).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::vfs {

struct DraftState {
  bool on_disk = false;     // D2: its bytes had been synced before the record was made
  std::string base_sha256;  // of the content that Drive has of the base; empty: Drive names none
  std::string dirty;        // DirtyContent::state()
};

std::string encode(const DraftState& state);
// Errors: kCorrupt.
Result<DraftState> decode_draft_state(std::string_view bytes);

}  // namespace driveway::vfs
