#include "vfs/past_cache.h"

#include <algorithm>
#include <cstring>

#include "base/io.h"
#include "base/strings.h"

namespace driveway::vfs {
namespace {

constexpr Bytes kWindow = 8 * kMiB;
constexpr std::size_t kMostWindows = 8;

class VectorSink final : public ByteSink {
 public:
  explicit VectorSink(std::vector<std::byte>& bytes) : bytes_(bytes) {}
  Status write(std::span<const std::byte> data) override {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return {};
  }

 private:
  std::vector<std::byte>& bytes_;
};

}  // namespace

Status PastCache::read(const Context& context, const drive::Item& item, Bytes offset,
                       std::span<std::byte> buffer) {
  const auto content = drive::content_id(item);
  if (!content) return Error{ErrorCode::kUnsupported, cat("\"", item.name, "\" has no content")};
  while (!buffer.empty()) {
    DRIVEWAY_TRY(const auto window, window_at(context, item, *content, offset));
    const ByteRange part = window->range.intersect({offset, buffer.size()});
    std::memcpy(buffer.data(), window->bytes.data() + (offset - window->range.offset), part.length);
    buffer = buffer.subspan(part.length);
    offset += part.length;
  }
  return {};
}

// With mutex_ held.
std::shared_ptr<PastCache::Window> PastCache::find(const ContentId& content, Bytes offset) {
  const auto found = std::find_if(windows_.begin(), windows_.end(), [&](const auto& window) {
    return window->content == content && window->range.contains({offset, 1});
  });
  if (found == windows_.end()) return nullptr;
  windows_.splice(windows_.begin(), windows_, found);
  return windows_.front();
}

// The first who comes loads it, with the time that he has; the others wait for him, and one of them
// tries again where he failed.
Result<std::shared_ptr<PastCache::Window>> PastCache::window_at(const Context& context,
                                                                const drive::Item& item,
                                                                const ContentId& content,
                                                                Bytes offset) {
  std::unique_lock lock(mutex_);
  while (true) {
    auto window = find(content, offset);
    if (window != nullptr) {
      DRIVEWAY_CHECK(
          wait(context, clock_, lock, window->changed, [&] { return !window->loading; }));
      if (!window->failed) return window;
      continue;  // he who failed has taken it out
    }
    window = std::make_shared<Window>();
    window->content = content;
    window->range =
        ByteRange{offset / kWindow * kWindow, kWindow}.intersect({0, item.size.value_or(0)});
    windows_.push_front(window);
    if (windows_.size() > kMostWindows) windows_.pop_back();
    lock.unlock();
    Status loaded = load(context, item, *window);
    lock.lock();
    window->loading = false;
    window->failed = !loaded.ok();
    if (window->failed) windows_.remove(window);
    window->changed.notify_all();
    if (!loaded.ok()) return std::move(loaded).error();
    return window;
  }
}

Status PastCache::load(const Context& context, const drive::Item& item, Window& window) {
  DRIVEWAY_TRY(const auto slot, scheduler_.acquire(context, transfer::Lane::kMedia,
                                                   {.bytes = window.range.length, .file = this}));
  window.bytes.reserve(window.range.length);
  VectorSink sink(window.bytes);
  DRIVEWAY_CHECK(store_.read(context, item, window.range, sink));
  DRIVEWAY_TRY(const drive::Item now, store_.get(context, item.id));
  if (!drive::is_at(now, item, item.head_revision)) return drive::replaced(item);
  return {};
}

}  // namespace driveway::vfs
