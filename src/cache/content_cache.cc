#include "cache/content_cache.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "cache/cache_core.h"
#include "cache/dirty_state.h"

namespace driveway::cache {
namespace {

Result<DiskSpace> disk_space_of(const std::filesystem::path& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) {
    return errno_error(errno, cat("statvfs ", folder.native()));
  }
  return DiskSpace{static_cast<Bytes>(info.f_blocks) * info.f_frsize,
                   static_cast<Bytes>(info.f_bavail) * info.f_frsize};
}

class ContentCacheImpl final : public ContentCache {
 public:
  explicit ContentCacheImpl(std::shared_ptr<CacheCore> core) : core_(std::move(core)) {}
  ~ContentCacheImpl() override { core_->shut_down(); }

  Result<std::shared_ptr<Content>> open_content(const ContentId& id, Bytes size) override {
    return core_->open_content(id, size);
  }
  Status flush() override { return core_->flush(); }
  Bytes used_bytes() const override { return core_->used_bytes(); }
  CacheSummary summary() const override { return core_->summary(); }
  Result<Evicted> trim(Bytes target) override { return core_->trim(target); }
  Result<Evicted> trim() override { return core_->trim(std::nullopt); }
  Result<Evicted> clear(bool pinned_too) override { return core_->clear(pinned_too); }
  Result<EvictOutcome> evict(const ContentId& id) override { return core_->evict_content(id); }
  std::shared_ptr<DirtyContent> begin_dirty(std::shared_ptr<Content> base) override {
    return core_->begin_dirty(std::move(base));
  }
  Result<std::shared_ptr<DirtyContent>> open_dirty(std::string_view state, Check check) override {
    return core_->open_dirty(state, check);
  }
  Result<std::shared_ptr<Content>> adopt(const std::shared_ptr<DirtyContent>& dirty,
                                         const ContentId& id, std::uint64_t generation,
                                         bool verified) override {
    return core_->adopt(*dirty, id, generation, verified);
  }
  Result<bool> is_intact(std::string_view state) override { return core_->is_intact(state); }
  void discard(const std::shared_ptr<DirtyContent>& dirty) override { core_->discard(*dirty); }

 private:
  const std::shared_ptr<CacheCore> core_;
};

}  // namespace

Result<std::unique_ptr<ContentCache>> ContentCache::open(const std::filesystem::path& folder,
                                                         const CacheOptions& options, Clock& clock,
                                                         Metrics& metrics,
                                                         const std::vector<std::uint64_t>& dirty) {
  CacheOptions effective = options;
  if (!effective.disk_space) effective.disk_space = disk_space_of;
  DRIVEWAY_TRY(std::shared_ptr<CacheCore> core,
               CacheCore::open(folder, effective, clock, metrics, dirty));
  return std::unique_ptr<ContentCache>(std::make_unique<ContentCacheImpl>(std::move(core)));
}

Result<std::uint64_t> ContentCache::dirty_number(std::string_view state) {
  DRIVEWAY_TRY(const DirtyState decoded, decode_dirty_state(state));
  return decoded.number;
}

Status ContentCache::erase(const std::filesystem::path& folder,
                           const std::vector<std::uint64_t>& dirty) {
  std::error_code error;
  std::filesystem::remove_all(folder / "cache", error);
  if (error) return errno_error(error.value(), cat("remove ", (folder / "cache").native()));
  const std::filesystem::path files = folder / "content";
  if (!std::filesystem::exists(files, error)) return {};
  const auto swept = ContentFiles(files, 1).sweep([&](std::uint64_t number) -> Result<bool> {
    return std::find(dirty.begin(), dirty.end(), number) != dirty.end();
  });
  if (!swept.ok()) return swept.error();
  return {};
}

}  // namespace driveway::cache
