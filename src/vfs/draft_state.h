// ContentState::state of a draft: the state of its dirty content, and what else a restart needs to
// know (docs/FORMAT.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drive/item.h"
#include "journal/change.h"

namespace driveway::vfs {

struct DraftState {
  bool on_disk = false;     // D2: its bytes had been synced before the record was made
  std::string base_sha256;  // of the content that Drive has of the base; empty: Drive names none
  std::string dirty;        // DirtyContent::state()
  // D2: what the file was before, as a state whose bytes are on the disk ("": the base alone), for
  // a crash that leaves less of `dirty`. Nothing: it was not there, or `dirty` needs no other
  // bytes.
  std::optional<std::string> former{};
};

// What Drive said of the base when writing began, as far as the row has it.
drive::Item base_item(const journal::ContentBase& base, const DraftState& state,
                      const std::string& name);

std::string encode(const DraftState& state);
// Errors: kCorrupt.
Result<DraftState> decode_draft_state(std::string_view bytes);

}  // namespace driveway::vfs
