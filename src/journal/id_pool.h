// Ids for items to come, fetched ahead (J2) from the first one on that is asked for, so that a
// create need not ask for one, and who changes nothing asks for none.
//
// Thread-safe. What is left when the process ends is lost: ids cost nothing. Private to journal/.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "drive/remote_store.h"

namespace driveway::journal {

class IdPool {
 public:
  // `ask` is called, without locks, when few are left: refill() is due.
  IdPool(drive::RemoteStore& store, std::function<void()> ask)
      : store_(store), ask_(std::move(ask)) {}

  // Never waits.
  std::optional<FileId> take();
  // Asks Drive where there is none.
  Result<FileId> take_or_fetch(const Context& context);
  // Whether refill() is due.
  bool is_low() const;
  Status refill(const Context& context);

 private:
  std::optional<FileId> pop(bool* low);

  drive::RemoteStore& store_;
  const std::function<void()> ask_;
  mutable std::mutex mutex_;  // a leaf; guards what follows
  bool is_used_ = false;      // somebody has asked for one
  std::deque<FileId> ids_;
};

}  // namespace driveway::journal
