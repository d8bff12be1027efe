// `driveway status` and `driveway about`.

#include <iostream>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "cli/view.h"
#include "fuse/mount.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

constexpr auto kAnswerDeadline = std::chrono::seconds(30);

Result<json> ask_daemon(const control::Daemon& daemon, const Context& context, Clock& clock) {
  DRIVEWAY_TRY(auto client, control::Client::connect(daemon.socket, clock));
  return client.ask(context, {{"op", "status"}});
}

// A document for each mountpoint, or for the `wanted` one.
std::vector<json> by_mountpoint(const json& status, const std::string& wanted) {
  std::vector<json> documents;
  for (const json& mountpoint : status["mountpoints"]) {
    if (!wanted.empty() && mountpoint != wanted) continue;
    documents.push_back(status);
    documents.back()["mountpoint"] = mountpoint;
  }
  return documents;
}

Error nobody_at(const std::string& mountpoint) {
  if (!fuse::is_driveway_mount(mountpoint)) {
    return {ErrorCode::kNotFound, cat("no Drive is mounted at ", mountpoint)};
  }
  if (fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kOurs) {
    return {ErrorCode::kPermissionDenied,
            cat("what is mounted at ", mountpoint,
                " is another user's, or has lost its control socket")};
  }
  return {ErrorCode::kUnavailable,
          cat("the mount at ", mountpoint,
              " does not answer: remove it with driveway unmount --force, and mount again")};
}

// The cache, and what becomes of what is asked of Drive.
void print_figures(const json& status) {
  const json none = json::object();
  const json& cache = status.contains("cache") ? status["cache"] : none;
  std::cout << "  cached:    " << format_size(cache.value("bytes", Bytes{0})) << " of "
            << format_size(cache.value("capacity", Bytes{0})) << " in "
            << status.value("cache_dir", "");
  if (const auto pinned = cache.value("pinned_bytes", Bytes{0}); pinned > 0) {
    std::cout << "; pinned " << format_size(pinned);
  }
  if (cache.contains("hit_ratio")) {
    std::cout << "; " << static_cast<int>(cache["hit_ratio"].get<double>() * 100)
              << " % of what was read was here";
  }
  std::cout << "\n";
  const json& quota = status.contains("quota") ? status["quota"] : none;
  const json& waiting = status.contains("waiting") ? status["waiting"] : none;
  std::cout << "  quota:     " << quota.value("units_last_minute", std::int64_t{0})
            << " units in the last minute, " << quota.value("refused", std::int64_t{0})
            << " refusals; waiting for it: " << waiting.value("quota", std::int64_t{0})
            << ", for Drive: " << waiting.value("drive", std::int64_t{0}) << "\n";
  const json prefetches = status.value("prefetches", json::array());
  for (const json& one : prefetches) {
    std::cout << "  prefetch:  " << one.value("files_done", std::int64_t{0}) << " of "
              << one.value("files", std::int64_t{0}) << " files, "
              << format_size(one.value("bytes_done", Bytes{0})) << " of "
              << format_size(one.value("bytes", Bytes{0})) << "\n";
  }
}

void print_status(const json& status) {
  const json& metrics = status["metrics"];
  const auto number = [&](const char* name) { return metrics.value(name, std::int64_t{0}); };
  for (const json& mountpoint : status["mountpoints"]) {
    std::cout << mountpoint.get<std::string>() << "  (process " << status.value("pid", 0) << ", up "
              << status.value("uptime_s", std::int64_t{0}) << " s)\n";
  }
  const json& feed = status["feed"];
  std::cout << "  Drive:     ";
  if (feed.value("healthy", false)) {
    std::cout << "answers; changes read " << feed.value("last_poll_s", std::int64_t{0})
              << " s ago\n";
  } else if (feed.contains("error")) {
    std::cout << "does not answer: " << feed.value("error", "") << "\n";
  } else {
    std::cout << "not asked for changes yet\n";
  }
  std::cout << "  known:     " << status.value("items", std::int64_t{0}) << " items, "
            << status.value("listed_directories", std::int64_t{0}) << " folders listed\n"
            << "  fetched:   " << format_size(static_cast<Bytes>(number("transfer.bytes")))
            << " from Drive in " << number("http.requests") << " requests, "
            << format_size(static_cast<Bytes>(number("fuse.read_bytes"))) << " read\n";
  print_figures(status);
}

}  // namespace

ExitStatus status(const std::string& mountpoint, bool as_json) {
  SystemClock clock;
  const Context context{.deadline = clock.now() + kAnswerDeadline};
  const std::string wanted =
      mountpoint.empty() ? "" : fuse::canonical_mountpoint(mountpoint).string();
  json all = json::array();
  for (const auto& daemon : running_daemons(clock)) {
    if (!wanted.empty() && !daemon.is_mounted_at(wanted)) continue;
    auto answer = ask_daemon(daemon, context, clock);
    if (!answer.ok()) return report(wrap(answer.error(), cat("process ", daemon.pid)));
    std::vector<json> documents = by_mountpoint(*answer, wanted);
    if (documents.empty()) continue;  // it is ending
    if (!as_json) print_status(*answer);
    for (json& one : documents) all.push_back(std::move(one));
  }
  if (!wanted.empty() && all.empty()) return report(nobody_at(wanted));
  if (as_json) {
    std::cout << (wanted.empty() ? json{{"mounts", all}} : all.front()).dump(2) << "\n";
  } else if (all.empty()) {
    std::cout << "no Drive is mounted\n";
  }
  return ExitStatus::kDone;
}

ExitStatus about(const Settings& settings, bool as_json) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Metrics metrics;
  const Context context{.deadline = clock.now() + kAnswerDeadline, .cancel = interrupt.token()};
  const auto plan = plan_vfs(settings);
  if (!plan.ok()) return report(plan.error());
  const auto account = Account::open(plan->account, plan->quota, clock, metrics);
  if (!account.ok()) return report(account.error());
  const auto answer = (*account)->store().about(context);
  if (!answer.ok()) return report(answer.error());
  if (as_json) {
    std::cout << control::about_document(*answer).dump(2) << "\n";
    return ExitStatus::kDone;
  }
  std::cout << answer->display_name << " <" << answer->email << ">\n"
            << "  login:    " << (*account)->label() << "\n"
            << "  storage:  " << format_size(answer->usage) << " used of "
            << (answer->storage_limit ? format_size(*answer->storage_limit) : "no limit") << "\n"
            << "  in Drive: " << format_size(answer->usage_in_drive) << ", in its trash "
            << format_size(answer->usage_in_trash) << "\n";
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
