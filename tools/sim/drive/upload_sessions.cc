#include "sim/drive/upload_sessions.h"

#include <utility>

#include "base/strings.h"

namespace driveway::sim {

namespace {
constexpr Ms kSweepInterval = 60LL * 1000;
}  // namespace

std::optional<UploadRange> parse_upload_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  header = trim(header);
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const auto slash = header.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view bytes = trim(header.substr(0, slash));
  const std::string_view total = trim(header.substr(slash + 1));
  UploadRange range;
  if (total != "*") {
    range.total = parse_uint(total);
    if (!range.total) return std::nullopt;
  }
  if (bytes == "*") {
    range.query = true;
    return range;
  }
  const auto dash = bytes.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_uint(bytes.substr(0, dash));
  const auto last = parse_uint(bytes.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  if (range.total && *last >= *range.total) return std::nullopt;
  range.first = *first;
  range.last = *last;
  return range;
}

void UploadSessions::add(std::shared_ptr<UploadSession> session, Ms now) {
  const std::lock_guard lock(mutex_);
  if (now >= next_sweep_) {
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second->expires <= now; });
    next_sweep_ = now + kSweepInterval;
  }
  std::string id = session->id;
  sessions_.emplace(std::move(id), std::move(session));
}

std::shared_ptr<UploadSession> UploadSessions::find(std::string_view id, Ms now) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return nullptr;
  if (found->second->expires <= now) {
    sessions_.erase(found);
    return nullptr;
  }
  return found->second;
}

void UploadSessions::drop(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(id); found != sessions_.end()) sessions_.erase(found);
}

}  // namespace driveway::sim
