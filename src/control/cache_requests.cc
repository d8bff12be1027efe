#include "control/cache_requests.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/json_text.h"

namespace driveway::control {
namespace {

using nlohmann::json;

// How often a request says how far it is.
constexpr auto kReportEvery = std::chrono::milliseconds(500);
constexpr std::array<std::string_view, 7> kOps = {"prefetch",   "pin",        "unpin",      "evict",
                                                  "cache_show", "cache_trim", "cache_clear"};

json progress_document(const vfs::PrefetchProgress& progress) {
  return {{"files", progress.files},
          {"files_done", progress.files_done},
          {"files_failed", progress.files_failed},
          {"bytes", progress.bytes},
          {"bytes_done", progress.bytes_done}};
}

}  // namespace

json cache_document(const cache::CacheSummary& summary) {
  return {{"bytes", summary.bytes},
          {"capacity", summary.capacity},
          {"contents", summary.contents},
          {"inline_bytes", summary.inline_bytes},
          {"pinned_bytes", summary.pinned_bytes},
          {"pinned_contents", summary.pinned_contents},
          {"free_disk", summary.free_disk},
          {"free_disk_floor", summary.free_disk_floor},
          {"room", summary.room}};
}

CacheRequests::CacheRequests(vfs::Vfs& vfs, Clock& clock, Metrics& metrics, Duration read_deadline,
                             Find find, bool waits_always)
    : vfs_(vfs),
      clock_(clock),
      read_deadline_(read_deadline),
      find_(std::move(find)),
      waits_always_(waits_always),
      prefetcher_(vfs, clock, metrics) {}

bool CacheRequests::knows(const std::string& op) {
  return std::find(kOps.begin(), kOps.end(), op) != kOps.end();
}

Status CacheRequests::handle(const Context& context, const std::string& op, const json& request,
                             Reply& reply) {
  if (op == "prefetch" || op == "pin") return prefetch(context, request, op == "pin", reply);
  if (op == "unpin") return unpin(context, request, reply);
  if (op == "evict") return evict(context, request, reply);
  if (op == "cache_show") return show(reply);
  if (op == "cache_trim") return trim(request, reply);
  return clear(request, reply);
}

json CacheRequests::running() const {
  json all = json::array();
  for (const vfs::PrefetchProgress& one : prefetcher_.running()) {
    all.push_back(progress_document(one));
  }
  return all;
}

// --- Sets of files

Result<vfs::FileSet> CacheRequests::files_of(const Context& context, const json& request,
                                             Reply& reply) {
  const auto remotes = request.find("remotes");
  if (remotes == request.end() || !remotes->is_array() || remotes->empty()) {
    return Error{ErrorCode::kInvalidArgument, "no files are named"};
  }
  TimePoint reported = clock_.now();
  const auto looked = [&](const vfs::FileSet& set) -> Status {
    if (clock_.now() - reported < kReportEvery) return {};
    reported = clock_.now();
    return reply.document(
        {{"event", "listing"}, {"files", set.files.size()}, {"folders", set.folders}});
  };
  vfs::FileSetWalk walk(vfs_, clock_, read_deadline_, looked);
  for (const json& remote : *remotes) {
    const std::string name = text_of(remote, "name");
    const auto node = remote.is_object()
                          ? find_(context, remote)
                          : Result<tree::Node>(Error{ErrorCode::kInvalidArgument, "no REMOTE"});
    DRIVEWAY_CHECK(context.check(clock_));
    if (node.ok()) {
      DRIVEWAY_CHECK(walk.add(context, *node, name));
    } else {
      walk.add_failure(name, node.error());
    }
  }
  vfs::FileSet set = walk.take();
  DRIVEWAY_CHECK(tell_failures(set.failures, reply));
  return set;
}

Status CacheRequests::tell_failures(std::span<const vfs::FailureOfSet> failures, Reply& reply) {
  for (const vfs::FailureOfSet& failure : failures) {
    DRIVEWAY_CHECK(reply.document({{"event", "failed"},
                                   {"path", valid_utf8(failure.path)},
                                   {"code", to_string(failure.error.code)},
                                   {"message", valid_utf8(failure.error.to_string())}}));
  }
  return {};
}

Status CacheRequests::prefetch(const Context& context, const json& request, bool pin,
                               Reply& reply) {
  DRIVEWAY_TRY(const vfs::FileSet set, files_of(context, request, reply));
  DRIVEWAY_TRY(vfs::PrefetchPlan plan, prefetcher_.plan(set));
  if (pin) DRIVEWAY_CHECK(pin_all(set));
  json planned = {{"files", plan.files.size()},
                  {"bytes", plan.bytes},
                  {"present_files", plan.present_files},
                  {"present_bytes", plan.present_bytes},
                  {"skipped", set.skipped},
                  {"failed", set.failures.size()}};
  const bool wait = waits_always_ || flag_of(request, "wait");
  planned["event"] = wait ? "planned" : "queued";
  DRIVEWAY_CHECK(reply.document(planned));
  const vfs::Prefetcher::JobPtr job = prefetcher_.start(std::move(plan));
  return wait ? follow(context, *job, reply) : Status();
}

// Until the job has ended; or who asked for it has gone, and then it ends.
Status CacheRequests::follow(const Context& context, vfs::Prefetcher::Job& job, Reply& reply) {
  while (true) {
    const Status waited = prefetcher_.wait(context.with_deadline(clock_.now() + kReportEvery), job);
    Status told = waited.ok() ? Status() : context.check(clock_);
    if (told.ok()) told = tell_failures(prefetcher_.take_failures(job), reply);
    const vfs::PrefetchProgress progress = prefetcher_.progress(job);
    if (told.ok()) {
      json document = progress_document(progress);
      document["event"] = waited.ok() ? "done" : "progress";
      told = reply.document(document);
    }
    if (!told.ok()) prefetcher_.cancel(job);
    if (!told.ok() || waited.ok()) return told;
  }
}

Status CacheRequests::pin_all(const vfs::FileSet& set) {
  for (const vfs::FileOfSet& file : set.files) {
    DRIVEWAY_TRY(const auto content, vfs_.cache().open_content(file.content, file.size));
    content->set_pinned(true);
  }
  return vfs_.cache().flush();  // what is said to be pinned is, whatever comes next
}

Status CacheRequests::unpin(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const vfs::FileSet set, files_of(context, request, reply));
  std::uint64_t unpinned = 0;
  for (const vfs::FileOfSet& file : set.files) {
    DRIVEWAY_TRY(const auto content, vfs_.cache().open_content(file.content, file.size));
    if (!content->pinned()) continue;
    content->set_pinned(false);
    ++unpinned;
  }
  DRIVEWAY_CHECK(vfs_.cache().flush());
  return reply.document({{"event", "done"},
                         {"files", set.files.size()},
                         {"unpinned", unpinned},
                         {"failed", set.failures.size()}});
}

Status CacheRequests::evict(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const vfs::FileSet set, files_of(context, request, reply));
  std::uint64_t evicted = 0;
  std::uint64_t open = 0;
  std::uint64_t pinned = 0;
  for (const vfs::FileOfSet& file : set.files) {
    DRIVEWAY_CHECK(context.check(clock_));
    DRIVEWAY_TRY(const cache::EvictOutcome outcome, vfs_.cache().evict(file.content));
    if (outcome == cache::EvictOutcome::kEvicted) ++evicted;
    if (outcome == cache::EvictOutcome::kOpen) ++open;
    if (outcome == cache::EvictOutcome::kPinned) ++pinned;
    const bool kept =
        outcome == cache::EvictOutcome::kOpen || outcome == cache::EvictOutcome::kPinned;
    if (!kept) continue;
    DRIVEWAY_CHECK(
        reply.document({{"event", "kept"},
                        {"path", valid_utf8(file.path)},
                        {"why", outcome == cache::EvictOutcome::kOpen ? "open" : "pinned"}}));
  }
  return reply.document({{"event", "done"},
                         {"files", set.files.size()},
                         {"evicted", evicted},
                         {"open", open},
                         {"pinned", pinned},
                         {"failed", set.failures.size()}});
}

// --- The cache as a whole

Status CacheRequests::show(Reply& reply) {
  return reply.document(cache_document(vfs_.cache().summary()));
}

Status CacheRequests::trim(const json& request, Reply& reply) {
  const auto target = request.find("to");
  const bool given = target != request.end() && target->is_number_unsigned();
  DRIVEWAY_TRY(const cache::Evicted evicted,
               given ? vfs_.cache().trim(target->get<Bytes>()) : vfs_.cache().trim());
  json document = cache_document(vfs_.cache().summary());
  document["evicted_contents"] = evicted.contents;
  document["evicted_bytes"] = evicted.bytes;
  return reply.document(document);
}

Status CacheRequests::clear(const json& request, Reply& reply) {
  DRIVEWAY_TRY(const cache::Evicted evicted, vfs_.cache().clear(flag_of(request, "all")));
  json document = cache_document(vfs_.cache().summary());
  document["evicted_contents"] = evicted.contents;
  document["evicted_bytes"] = evicted.bytes;
  return reply.document(document);
}

}  // namespace driveway::control
