#include "vfs/verifier.h"

#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace driveway::vfs {

Verifier::Verifier(cache::ContentCache& cache, Metrics& metrics)
    : cache_(cache),
      verified_(metrics.counter("cache.verified")),
      mismatches_(metrics.counter("cache.md5_mismatches")),
      thread_(start_thread("verify", [this] { run(); })) {}

Verifier::~Verifier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Verifier::enqueue(const drive::Item& item) {
  const std::lock_guard lock(mutex_);
  if (!queued_.insert(*drive::content_id(item)).second) return;
  queue_.push_back(item);
  changed_.notify_all();
}

void Verifier::run() {
  lower_thread_priority();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const drive::Item item = std::move(queue_.front());
    queue_.pop_front();
    queued_.erase(*drive::content_id(item));
    lock.unlock();
    verify(item);
    lock.lock();
  }
}

void Verifier::count_rejection(const ContentId& id) {
  const std::lock_guard lock(mutex_);
  ++rejections_[id];
}

int Verifier::rejections(const ContentId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = rejections_.find(id);
  return found == rejections_.end() ? 0 : found->second;
}

bool Verifier::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Verifier::verify(const drive::Item& item) {
  const drive::ExpectedHash expected = *drive::expected_hash(item);
  const ContentId id = *drive::content_id(item);
  const auto content = cache_.open_content(id, item.size.value_or(0));
  if (!content.ok() || (*content)->verified() || !(*content)->complete()) return;
  const std::uint64_t generation = (*content)->generation();
  Hasher hasher(expected.kind);
  std::vector<std::byte> buffer(cache::kBlockSize);
  for (Bytes offset = 0; offset < (*content)->size();) {
    if (stopping()) return;
    const auto count = (*content)->read(offset, buffer);
    if (!count.ok() || *count == 0) return;  // evicted or damaged meanwhile
    hasher.update(std::span(buffer).first(*count));
    offset += *count;
  }
  if (hasher.finish_hex() == expected.hex) {
    (*content)->set_verified(generation);
    verified_.add();
    return;
  }
  if ((*content)->generation() != generation) return;
  (*content)->reject();
  count_rejection(id);
  log::warn("\"", item.name, "\" (", item.id,
            ") came with wrong bytes: what was cached of it is thrown away");
  mismatches_.add();
}

}  // namespace driveway::vfs
