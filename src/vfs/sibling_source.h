// What Siblings needs of the file system, from tree, blobs and fetcher. Private to vfs/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cache/content_cache.h"
#include "drive/remote_store.h"
#include "transfer/fetcher.h"
#include "tree/tree.h"
#include "vfs/blob.h"
#include "vfs/siblings.h"

namespace driveway::vfs {

// Thread-safe, as its parts are; they must outlive it.
class LocalSiblings final : public SiblingSource {
 public:
  LocalSiblings(tree::Tree& tree, cache::ContentCache& cache, Blobs& blobs,
                transfer::Fetcher& fetcher, drive::RemoteStore& store)
      : tree_(tree), cache_(cache), blobs_(blobs), fetcher_(fetcher), store_(store) {}

  std::optional<std::vector<Sibling>> small_files(InodeId folder) override;
  bool present(const Sibling& file) override;
  Result<std::unique_ptr<Fetching>> fetch(const Sibling& file, Priority priority,
                                          std::function<void(const Status&)> done) override;
  Duration until_free(Priority priority, int downloads) override {
    return store_.until_free(priority, downloads);
  }

 private:
  tree::Tree& tree_;
  cache::ContentCache& cache_;
  Blobs& blobs_;
  transfer::Fetcher& fetcher_;
  drive::RemoteStore& store_;
};

}  // namespace driveway::vfs
