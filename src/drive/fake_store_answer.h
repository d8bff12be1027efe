// How FakeStore's changes answer. Private to it.
#pragma once

#include <utility>

#include "drive/fake_store.h"

namespace driveway::drive {

// What the caller hears of `result`: it may be that its answer is lost.
template <typename T>
Result<T> FakeStore::answer(Method method, Result<T> result) {
  if (!result.ok()) return result;
  const auto lost = lost_answers_.find(method);
  if (lost == lost_answers_.end()) return result;
  if (--lost->second <= 0) lost_answers_.erase(lost);
  return Error{ErrorCode::kUnavailable, "the connection broke before the answer", true};
}

}  // namespace driveway::drive
