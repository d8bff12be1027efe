#include "fuse/local_change.h"

#include <algorithm>

namespace driveway::fuse {
namespace {

thread_local const LocalChangeScope* scope_of_thread = nullptr;

}  // namespace

bool LocalChange::changes_name(InodeId parent, std::string_view name) const {
  return std::any_of(names.begin(), names.end(), [&](const Name& changed) {
    return changed.parent == parent && changed.name == name;
  });
}

bool LocalChange::changes_entries_of(InodeId directory) const {
  return std::any_of(names.begin(), names.end(), [&](const Name& changed) {
    return changed.parent == directory && !changed.name.empty();
  });
}

LocalChangeScope::LocalChangeScope(const Invalidator& through, const LocalChange& change)
    : through_(through), change_(change) {
  scope_of_thread = this;
}

LocalChangeScope::~LocalChangeScope() { scope_of_thread = nullptr; }

const LocalChangeScope* LocalChangeScope::current() { return scope_of_thread; }

}  // namespace driveway::fuse
