#include "journal/id_pool.h"

#include <utility>

namespace driveway::journal {
namespace {

constexpr int kFetched = 1'000;  // the most of one call (drive-api reference 5.8)
constexpr std::size_t kLow = 500;

}  // namespace

// `low`: refill() is due.
std::optional<FileId> IdPool::pop(bool* low) {
  const std::lock_guard lock(mutex_);
  is_used_ = true;
  *low = ids_.size() <= kLow;
  if (ids_.empty()) return std::nullopt;
  FileId id = std::move(ids_.front());
  ids_.pop_front();
  return id;
}

std::optional<FileId> IdPool::take() {
  bool low = false;
  auto id = pop(&low);
  if (low) ask_();
  return id;
}

Result<FileId> IdPool::take_or_fetch(const Context& context) {
  for (;;) {
    bool low = false;
    if (auto id = pop(&low)) {
      if (low) ask_();
      return *std::move(id);
    }
    DRIVEWAY_CHECK(refill(context));
  }
}

bool IdPool::is_low() const {
  const std::lock_guard lock(mutex_);
  return is_used_ && ids_.size() <= kLow;
}

Status IdPool::refill(const Context& context) {
  DRIVEWAY_TRY(auto ids, store_.generate_ids(context, kFetched));
  if (ids.empty()) return Error{ErrorCode::kUnavailable, "Drive gave no ids for new items", true};
  const std::lock_guard lock(mutex_);
  for (FileId& id : ids) ids_.push_back(std::move(id));
  return {};
}

}  // namespace driveway::journal
