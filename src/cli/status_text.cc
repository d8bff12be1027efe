#include "cli/status_text.h"

#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "control/wording.h"

namespace driveway::cli {
namespace {

using control::counted;
using control::short_duration;
using nlohmann::json;

constexpr std::size_t kMostShown = 20;  // of what waits, on a screen

const json kNone = json::object();

const json& part_of(const json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_object() ? *found : kNone;
}

std::uint64_t figure(const json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

std::string for_milliseconds(const json& document, const char* key) {
  return short_duration(std::chrono::milliseconds(figure(document, key)));
}

void add_heading(const json& status, std::ostream& out) {
  const std::string process = cat("process ", status.value("pid", 0));
  if (status["mountpoints"].empty()) {
    out << process << ", which has nothing mounted any more, sends what is left\n";
  }
  for (const json& mountpoint : status["mountpoints"]) {
    out << mountpoint.get<std::string>() << "  (" << process << ", up "
        << figure(status, "uptime_s") << " s"
        << (status.value("read_only", false) ? ", read-only" : "") << ")\n";
  }
}

void add_drive(const json& status, std::ostream& out) {
  const json& feed = part_of(status, "feed");
  out << "  Drive:     ";
  if (feed.value("healthy", false)) {
    out << "answers; changes read " << figure(feed, "last_poll_s") << " s ago\n";
  } else if (feed.contains("error")) {
    out << "does not answer: " << feed.value("error", "") << "\n";
  } else {
    out << "not asked for changes yet\n";
  }
  const json& metrics = part_of(status, "metrics");
  out << "  known:     " << figure(status, "items") << " items, "
      << figure(status, "listed_directories") << " folders listed\n"
      << "  fetched:   " << format_size(figure(metrics, "transfer.bytes")) << " from Drive in "
      << figure(metrics, "http.requests") << " requests, "
      << format_size(figure(metrics, "fuse.read_bytes")) << " read\n";
}

// The cache, and what becomes of what is asked of Drive.
void add_figures(const json& status, std::ostream& out) {
  const json& cache = part_of(status, "cache");
  out << "  cached:    " << format_size(figure(cache, "bytes")) << " of "
      << format_size(figure(cache, "capacity")) << " in " << status.value("cache_dir", "");
  if (const auto pinned = figure(cache, "pinned_bytes"); pinned > 0) {
    out << "; pinned " << format_size(pinned);
  }
  if (cache.contains("hit_ratio")) {
    out << "; " << static_cast<int>(cache["hit_ratio"].get<double>() * 100)
        << " % of what was read was here";
  }
  const json& quota = part_of(status, "quota");
  const json& waiting = part_of(status, "waiting");
  out << "\n  quota:     " << figure(quota, "units_last_minute") << " units in the last minute, "
      << figure(quota, "refused") << " refusals; waiting for it: " << figure(waiting, "quota")
      << ", for Drive: " << figure(waiting, "drive") << "\n";
  for (const json& one : status.value("prefetches", json::array())) {
    out << "  prefetch:  " << figure(one, "files_done") << " of " << figure(one, "files")
        << " files, " << format_size(figure(one, "bytes_done")) << " of "
        << format_size(figure(one, "bytes")) << "\n";
  }
}

void add_backlog(const json& status, std::ostream& out) {
  if (!status.contains("writes")) return;
  const json& writes = status["writes"];
  const std::string backlog = control::backlog_text(writes);
  out << "  unsent:    " << (backlog.empty() ? "nothing: Drive has all of it" : backlog) << "\n";
  if (writes.contains("paused")) {
    const json& paused = writes["paused"];
    out << "  stopped:   " << paused.value("message", "");
    if (paused.contains("since")) out << ", since " << paused.value("since", "");
    if (paused.contains("until")) out << "; tried again at " << paused.value("until", "");
    if (paused.contains("meaning")) out << "\n             " << paused.value("meaning", "");
    out << "\n";
  }
  if (const auto failed = figure(writes, "failed"); failed > 0) {
    out << "  failed:    " << failed
        << " of them for good: driveway status --failed says why, driveway retry tries again\n";
  }
  const json conflicts = writes.value("conflicts", json::array());
  if (!conflicts.empty()) {
    out << "  conflicts: " << conflicts.size()
        << ", the last: " << control::conflict_text(conflicts.back())
        << (conflicts.size() > 1 ? "; driveway status --failed lists them" : "") << "\n";
  }
  if (const std::string left = control::leftovers_text(part_of(writes, "left_in_drive"));
      !left.empty()) {
    out << "  left:      in Drive, of this client: " << left << "\n";
  }
}

// What an entry of the queue waits for.
std::string waiting_text(const json& entry) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kTexts = {{
      {"ready", "its turn"},
      {"sent", "Drive's answer"},
      {"settle", "it may change again"},
      {"hold", "it was removed just now"},
      {"writer", "it is open for writing"},
      {"parent", "its folder"},
      {"folders", "folders above it that move"},
      {"name", "its name, which is still another's"},
      {"data", "data that was written before it"},
      {"replacer", "what takes its place"},
      {"moves_out", "what is to leave it"},
      {"covered", "its folder, with which it goes"},
      {"pause", "the next try"},
      {"failed", "driveway retry"},
      {"blocked", "Drive to take contents again"},
      {"login", "driveway login"},
      {"recovery", "its recovery"},
  }};
  const std::string waiting = entry.value("waiting", "");
  std::string text = waiting;
  for (const auto& [name, meaning] : kTexts) {
    if (name == waiting && !meaning.empty()) text = meaning;
  }
  if (entry.contains("on")) text += cat(" (", entry.value("on", ""), ")");
  if (figure(entry, "until_ms") > 0) text += cat(", ", for_milliseconds(entry, "until_ms"));
  return text;
}

}  // namespace

std::string status_text(const json& status) {
  std::ostringstream out;
  add_heading(status, out);
  add_drive(status, out);
  add_figures(status, out);
  add_backlog(status, out);
  return out.str();
}

std::string queue_text(const json& status) {
  std::ostringstream out;
  const json& writes = part_of(status, "writes");
  for (const json& one : writes.value("sending", json::array())) {
    out << "  sending:   " << one.value("path", "") << "  " << one.value("action", "");
    if (figure(one, "size") > 0) {
      out << "  " << format_size(figure(one, "sent")) << " of " << format_size(figure(one, "size"));
    }
    if (figure(one, "rate") > 0) out << ", " << format_size(figure(one, "rate")) << "/s";
    if (one.contains("eta_ms")) out << ", " << for_milliseconds(one, "eta_ms") << " left";
    out << "\n";
  }
  std::size_t shown = 0;
  const json queue = writes.value("queue", json::array());
  for (const json& one : queue) {
    if (shown++ == kMostShown) break;
    out << "  next:      " << one.value("path", "") << "  " << one.value("action", "");
    if (figure(one, "size") > 0) out << "  " << format_size(figure(one, "size"));
    out << "  waits for " << waiting_text(one);
    if (figure(one, "tries") > 0) {
      out << " (" << counted(figure(one, "tries"), "failure") << ": " << one.value("error", "")
          << ")";
    }
    out << "\n";
  }
  if (queue.size() > kMostShown) out << "             …\n";
  return out.str();
}

std::string failed_text(const json& status) {
  std::ostringstream out;
  const json& writes = part_of(status, "writes");
  for (const json& one : writes.value("failed_items", json::array())) {
    out << one.value("path", "") << ": " << one.value("message", "") << " ("
        << one.value("code", "") << ", since " << one.value("since", "") << ")\n";
  }
  for (const json& one : writes.value("conflicts", json::array())) {
    out << control::conflict_text(one) << "\n";
  }
  return out.str();
}

}  // namespace driveway::cli
