// Fetches whole contents. Private to vfs/.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "transfer/fetcher.h"
#include "tree/node.h"
#include "vfs/blob.h"

namespace driveway::vfs {

// Thread-safe.
class WholeFetch {
 public:
  WholeFetch(Blobs& blobs, transfer::Fetcher& fetcher, const Clock& clock)
      : blobs_(blobs), fetcher_(fetcher), clock_(clock) {}

  // As Vfs::fetch_content(). REQUIRES a node with a content in Drive.
  Status fetch(const Context& context, const tree::Node& node);

 private:
  Status fetch(const Context& context, const std::shared_ptr<Blob>& blob);

  Blobs& blobs_;
  transfer::Fetcher& fetcher_;
  const Clock& clock_;
};

}  // namespace driveway::vfs
