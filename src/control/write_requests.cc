#include "control/write_requests.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/background_call.h"
#include "control/flush_watch.h"
#include "control/json_text.h"
#include "control/writes_document.h"

namespace driveway::control {
namespace {

using nlohmann::json;

constexpr auto kFlushReportEvery = std::chrono::milliseconds(500);
constexpr std::int64_t kMaxFlushMs = 30LL * 24 * 3600 * 1000;
constexpr std::array<std::string_view, 3> kWriteOps = {"flush", "retry", "export_unsent"};

// Until when; never, where the request does not say.
TimePoint deadline_of(const json& request, TimePoint now) {
  const auto timeout = request.find("timeout_ms");
  if (timeout == request.end() || !timeout->is_number_integer()) return TimePoint::max();
  return now + std::chrono::milliseconds(
                   std::clamp<std::int64_t>(timeout->get<std::int64_t>(), 0, kMaxFlushMs));
}

json event(const char* name, json document) {
  document["event"] = name;
  return document;
}

// Waits for the end of `call`, and sends what `tell` gives meanwhile. An error: who asked has gone.
Result<Status> follow(BackgroundCall& call, Clock& clock, const std::function<json()>& tell,
                      Reply& reply) {
  while (true) {
    if (auto ended = call.wait({.deadline = clock.now() + kFlushReportEvery})) {
      return *std::move(ended);
    }
    DRIVEWAY_CHECK(reply.document(tell()));
  }
}

bool names_something(const json& request) {
  return std::any_of(kRemoteKeys.begin(), kRemoteKeys.end(),
                     [&](const char* key) { return request.contains(key); });
}

}  // namespace

bool WriteRequests::knows(const std::string& op) {
  return std::find(kWriteOps.begin(), kWriteOps.end(), op) != kWriteOps.end();
}

Status WriteRequests::handle(const Context& context, const std::string& op, const json& request,
                             Reply& reply) {
  if (op == "flush") return flush(context, request, reply);
  if (op == "retry") return retry(context, request, reply);
  return export_unsent(context, request, reply);
}

Result<std::optional<tree::Node>> WriteRequests::target(const Context& context,
                                                        const json& request) {
  if (!names_something(request)) return std::optional<tree::Node>();
  DRIVEWAY_TRY(tree::Node node, find_(context, request));
  if (node.inode == tree::Tree::root()) return std::optional<tree::Node>();
  return std::optional(std::move(node));
}

Status WriteRequests::require_journal() const {
  if (vfs_.journal() != nullptr) return {};
  return Error{ErrorCode::kUnsupported,
               "this Drive is open for reading only: nothing is sent from it; mount it without "
               "--read-only"};
}

Status WriteRequests::flush(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_CHECK(require_journal());
  const Context limited = context.with_deadline(deadline_of(request, clock_.now()));
  DRIVEWAY_TRY(const auto wanted, target(limited, request));
  const FlushWatch watch(
      vfs_, wanted ? std::optional(vfs_.path_of(wanted->inode)) : std::optional<std::string>());
  const InodeId inode = wanted ? wanted->inode : InodeId();
  DRIVEWAY_CHECK(reply.document(event("progress", watch.progress())));
  BackgroundCall call(limited, clock_, "flush",
                      [&](const Context& own) { return vfs_.flush(own, inode); });
  DRIVEWAY_TRY(const Status ended,
               follow(
                   call, clock_, [&] { return event("progress", watch.progress()); }, reply));
  const json progress = watch.progress();
  DRIVEWAY_CHECK(reply.document(event(ended.ok() ? "done" : "progress", progress)));
  if (!ended.failed_with(ErrorCode::kDeadlineExceeded)) return ended;
  return wrap(ended.error(), cat("the time is over, and ", watch.files_left(), " of ",
                                 progress["files"].get<std::uint64_t>(),
                                 " changes are not in Drive yet (driveway status says why)"));
}

// What failed for good is tried again, and so is everything that pauses.
Status WriteRequests::retry(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_CHECK(require_journal());
  DRIVEWAY_TRY(const auto wanted, target(context, request));
  journal::Journal& journal = *vfs_.journal();
  const FlushWatch::Inodes inodes = FlushWatch::inodes_of(
      vfs_, wanted ? std::optional(vfs_.path_of(wanted->inode)) : std::optional<std::string>());
  std::uint64_t failed = 0;
  const auto call = [&](journal::ChangeSet& set, WallTime) -> Result<journal::Rows> {
    failed = 0;
    for (const InodeId inode : inodes) {
      const journal::Change* const row = set.find(inode);
      if (row != nullptr && row->problem && row->problem->permanent) ++failed;
    }
    if (!wanted) return set.retry(std::nullopt);
    journal::Rows rows;
    for (const InodeId inode : inodes) {
      for (auto& [changed, row] : set.retry(inode).changed) {
        rows.changed.insert_or_assign(changed, std::move(row));
      }
    }
    return rows;
  };
  DRIVEWAY_CHECK(journal.change(context, journal::Purpose::kProgress, call));
  journal.adjust([](journal::ChangeSet& set) { set.login_restored(); });
  return reply.document(event("done", {{"retried", inodes.size()}, {"failed", failed}}));
}

Status WriteRequests::export_unsent(const Context& context, const json& request, Reply& reply) {
  const std::filesystem::path folder = text_of(request, "folder");
  if (!folder.is_absolute()) {
    return Error{ErrorCode::kInvalidArgument, "the folder to write to is no absolute path"};
  }
  std::uint64_t files = 0;
  BackgroundCall call(context, clock_, "export", [&](const Context& own) -> Status {
    DRIVEWAY_TRY(files, vfs_.export_unsent(own, folder));
    return {};
  });
  DRIVEWAY_TRY(const Status ended,
               follow(
                   call, clock_, [] { return event("progress", json::object()); }, reply));
  DRIVEWAY_CHECK(ended);
  return reply.document(event("done", {{"files", files}, {"folder", valid_utf8(folder)}}));
}

}  // namespace driveway::control
