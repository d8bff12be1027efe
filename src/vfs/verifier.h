// Compares contents that came in pieces with the hash that Drive names, once all of them is here
// (R1: "later at idle priority"). Contents that came whole were compared as they came.
//
// A content that differs is thrown away, which the log says, and fetched anew for whoever reads it
// next; one that differs twice cannot be read any more (kCorrupt). Until a content has been
// compared, or when it has differed once, the kernel keeps none of its pages from one open() to the
// next (OpenFile::keep_cache).
//
// Thread-safe. Metrics: cache.verified, cache.md5_mismatches.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/ids.h"
#include "base/metrics.h"
#include "cache/content_cache.h"
#include "drive/item.h"

namespace driveway::vfs {

class Verifier {
 public:
  // `cache` must outlive it.
  Verifier(cache::ContentCache& cache, Metrics& metrics);
  ~Verifier();  // what is queued is compared another time
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // REQUIRES an item that has a content and an expected hash.
  void enqueue(const drive::Item& item);
  // The content was thrown away by who compared it as it came, but not before it was shown.
  void count_rejection(const ContentId& id);
  // How often the content was thrown away since this was made.
  int rejections(const ContentId& id) const;

 private:
  void run();
  void verify(const drive::Item& item);
  bool stopping();

  cache::ContentCache& cache_;
  Counter& verified_;
  Counter& mismatches_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<drive::Item> queue_;
  std::set<ContentId> queued_;
  std::map<ContentId, int> rejections_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace driveway::vfs
