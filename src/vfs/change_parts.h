// What the operations that change something work on. Private to vfs/.
#pragma once

#include <memory>

#include "base/clock.h"
#include "journal/journal.h"
#include "journal/sender.h"
#include "tree/tree.h"
#include "vfs/drafts.h"
#include "vfs/view.h"

namespace driveway::vfs {

class LateOpens;
class OpenNodes;

struct ChangeParts {
  tree::Tree& tree;
  View& view;
  journal::Journal& journal;
  Drafts& drafts;
  const std::unique_ptr<journal::Sender>& sender;  // made behind those who take its ids
  OpenNodes& open_nodes;
  LateOpens& late_opens;
  tree::TreeObserver& observers;  // told of what changed here, without locks
  Clock& clock;
};

}  // namespace driveway::vfs
