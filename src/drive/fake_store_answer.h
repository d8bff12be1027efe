// How FakeStore's changes answer. Private to it.
#pragma once

#include <utility>

#include "drive/fake_store.h"

namespace driveway::drive {

// What the caller hears of `result`: it may be that its answer is lost.
template <typename T>
Result<T> FakeStore::answer(Method method, Result<T> result) {
  if (!result.ok()) return result;
  DRIVEWAY_CHECK(faults_.after({.method = method}));
  return result;
}

}  // namespace driveway::drive
