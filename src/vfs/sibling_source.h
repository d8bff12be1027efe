// What Siblings needs of the file system, from view, blobs and fetcher: files that are shown, and
// whose bytes are Drive's. Private to vfs/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cache/content_cache.h"
#include "drive/remote_store.h"
#include "transfer/fetcher.h"
#include "vfs/blob.h"
#include "vfs/drafts.h"
#include "vfs/siblings.h"
#include "vfs/view.h"

namespace driveway::vfs {

// Thread-safe, as its parts are; they must outlive it.
class LocalSiblings final : public SiblingSource {
 public:
  LocalSiblings(const View& view, const Drafts& drafts, cache::ContentCache& cache, Blobs& blobs,
                transfer::Fetcher& fetcher, drive::RemoteStore& store)
      : view_(view),
        drafts_(drafts),
        cache_(cache),
        blobs_(blobs),
        fetcher_(fetcher),
        store_(store) {}

  std::optional<std::vector<Sibling>> small_files(InodeId folder) override;
  bool present(const Sibling& file) override;
  Result<std::unique_ptr<Fetching>> fetch(const Sibling& file, Priority priority,
                                          std::function<void(const Status&)> done) override;
  Duration until_free(Priority priority, int downloads) override {
    return store_.until_free(priority, downloads);
  }

 private:
  bool is_sibling(const tree::Node& node) const;

  const View& view_;
  const Drafts& drafts_;
  cache::ContentCache& cache_;
  Blobs& blobs_;
  transfer::Fetcher& fetcher_;
  drive::RemoteStore& store_;
};

}  // namespace driveway::vfs
