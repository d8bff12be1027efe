#include "control/backlog_watch.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "control/wording.h"
#include "control/writes_document.h"

namespace driveway::control {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(10);
constexpr auto kWarnFromAge = std::chrono::minutes(2);
constexpr auto kWarnEvery = std::chrono::minutes(5);

}  // namespace

std::optional<std::string> BacklogWarnings::look(const nlohmann::json& writes, TimePoint now) {
  const std::chrono::milliseconds age(writes.value("age_ms", std::int64_t{0}));
  if (writes.value("changes", std::uint64_t{0}) == 0 || age < kWarnFromAge) {
    if (!said_) return std::nullopt;
    said_.reset();
    return "what waits for Drive is no longer late";
  }
  if (said_ && now - *said_ < kWarnEvery) return std::nullopt;
  said_ = now;
  std::string text = backlog_text(writes);
  if (const auto failed = writes.value("failed", std::uint64_t{0}); failed > 0) {
    text += cat("; ", failed, " of them failed for good (driveway status --failed)");
  }
  if (writes.contains("paused")) {
    text += cat("; stopped: ", writes["paused"].value("message", ""));
    if (writes["paused"].contains("until")) {
      text += cat(", tried again at ", writes["paused"].value("until", ""));
    }
  }
  return text;
}

BacklogWatch::BacklogWatch(vfs::Vfs& vfs, Clock& clock)
    : vfs_(vfs), clock_(clock), thread_(start_thread("backlog", [this] { run(); })) {}

BacklogWatch::~BacklogWatch() {
  stopping_.cancel();
  thread_.join();
}

void BacklogWatch::run() {
  const Context context{.cancel = stopping_.token()};
  BacklogWarnings warnings;
  const auto next_look = [&] {
    return sleep_until(context, clock_, clock_.now() + kLookEvery).ok();
  };
  while (vfs_.journal() != nullptr && next_look()) {
    nlohmann::json writes = backlog_document(vfs_, clock_);
    if (std::chrono::milliseconds(writes["age_ms"].get<std::int64_t>()) >= kWarnFromAge) {
      writes = writes_document(vfs_, clock_);
    }
    if (const auto text = warnings.look(writes, clock_.now())) log::warn(*text);
  }
}

}  // namespace driveway::control
