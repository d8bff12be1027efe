// Whose Drive it is: the answer of about.get, kept in `meta`, at most a minute old where Drive
// answers. Thread-safe.
#pragma once

#include <mutex>
#include <optional>

#include "base/context.h"
#include "base/result.h"
#include "tree/merge.h"

namespace driveway::tree {

class Account {
 public:
  explicit Account(TreeParts& parts) : parts_(parts) {}

  // Asks Drive only where `meta` knows nothing.
  Status learn(const Context& context);
  // As last known, where Drive does not answer soon. Errors: of RemoteStore, where nothing is
  // known.
  Result<drive::About> about(const Context& context);

 private:
  Result<std::optional<drive::About>> known() const;
  Result<drive::About> ask(const Context& context);

  TreeParts& parts_;
  std::mutex mutex_;
  bool asking_ = false;
  std::optional<TimePoint> asked_;
};

}  // namespace driveway::tree
