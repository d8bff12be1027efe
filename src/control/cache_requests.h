// The requests that look after the cache: prefetch, pin, unpin, evict, cache_show, cache_trim,
// cache_clear. dispatcher.h says what they look like. Private to control/.
#pragma once

#include <functional>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "control/dispatcher.h"
#include "vfs/file_set.h"
#include "vfs/prefetcher.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Thread-safe. REQUIRES that the Vfs outlives it; the destructor ends what is being prefetched.
class CacheRequests {
 public:
  // Finds what a REMOTE names.
  using Find = std::function<Result<tree::Node>(const Context&, const nlohmann::json& remote)>;

  // `waits_always`: nobody would go on with a prefetch after its request has ended.
  CacheRequests(vfs::Vfs& vfs, Clock& clock, Metrics& metrics, Duration read_deadline, Find find,
                bool waits_always);

  static bool knows(const std::string& op);
  // REQUIRES knows(op).
  Status handle(const Context& context, const std::string& op, const nlohmann::json& request,
                Reply& reply);
  // What is being prefetched, as `status` shows it.
  nlohmann::json running() const;

 private:
  Result<vfs::FileSet> files_of(const Context& context, const nlohmann::json& request,
                                Reply& reply);
  Status tell_failures(std::span<const vfs::FailureOfSet> failures, Reply& reply);
  Status prefetch(const Context& context, const nlohmann::json& request, bool pin, Reply& reply);
  Status follow(const Context& context, vfs::Prefetcher::Job& job, Reply& reply);
  Status pin_all(const vfs::FileSet& set);
  Status unpin(const Context& context, const nlohmann::json& request, Reply& reply);
  Status evict(const Context& context, const nlohmann::json& request, Reply& reply);
  Status show(Reply& reply);
  Status trim(const nlohmann::json& request, Reply& reply);
  Status clear(const nlohmann::json& request, Reply& reply);

  vfs::Vfs& vfs_;
  Clock& clock_;
  const Duration read_deadline_;
  const Find find_;
  const bool waits_always_;
  vfs::Prefetcher prefetcher_;
};

// A cache as `cache show` and `status` show it.
nlohmann::json cache_document(const cache::CacheSummary& summary);

}  // namespace driveway::control
