#include "control/dispatcher.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/cache_requests.h"
#include "control/drain.h"
#include "control/flush_watch.h"
#include "control/json_text.h"
#include "control/mount_top.h"
#include "control/status_document.h"
#include "control/wording.h"
#include "control/write_requests.h"
#include "control/writes_document.h"

namespace driveway::control {
namespace {

using nlohmann::json;

constexpr std::string_view kVersion = DRIVEWAY_VERSION;
constexpr Bytes kCatPiece = 1 * kMiB;
constexpr std::int64_t kMaxTimeoutMs = 24 * 3600 * 1000;
constexpr auto kDrainReportEvery = std::chrono::milliseconds(500);

std::int64_t number_of(const json& request, const char* key) {
  const auto found = request.find(key);
  return found != request.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

Duration milliseconds_of(const json& request, const char* key) {
  return std::chrono::milliseconds(
      std::clamp<std::int64_t>(number_of(request, key), 0, kMaxTimeoutMs));
}

const char* name_of(tree::Layout layout) {
  return layout == tree::Layout::kColab ? "colab" : "root";
}

const char* name_of(vfs::FsyncMode mode) {
  return mode == vfs::FsyncMode::kJournal ? "journal" : "upload";
}

const char* name_of(vfs::RevisionsMode mode) {
  switch (mode) {
    case vfs::RevisionsMode::kKeep:
      return "keep";
    case vfs::RevisionsMode::kDrop:
      return "drop";
    case vfs::RevisionsMode::kAuto:
      break;
  }
  return "auto";
}

std::string exact_text(Duration duration) {
  std::string text = short_duration(duration);
  const auto read = parse_duration(text);
  if (read.ok() && *read == duration) return text;
  return cat(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(), "ms");
}

// "022".
std::string umask_text(mode_t directory_mode) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "%03o", ~directory_mode & 0777u);
  return text.data();
}

// What a daemon has once for all its mountpoints, by the keys of a request to mount.
json once_for_all(const Identity& identity) {
  const WriteSettings& writes = identity.writes;
  return {{"cache_dir", identity.cache_dir},
          {"layout", name_of(identity.layout)},
          {"lost_and_found", identity.lost_and_found ? "true" : "false"},
          {"docs", identity.docs.text()},
          {"umask", umask_text(identity.directory_mode)},
          {"fsync", name_of(writes.fsync)},
          {"settle", exact_text(writes.settle)},
          {"max_backlog", exact_text(writes.max_backlog)},
          {"delete", writes.delete_permanently ? "permanent" : "trash"},
          {"revisions", name_of(writes.revisions)},
          {"acknowledge_abuse", identity.acknowledge_abuse ? "true" : "false"},
          {"max_download", cat(identity.max_download)},
          {"max_upload", cat(identity.max_upload)}};
}

std::string_view kind_name(tree::NodeKind kind) {
  switch (kind) {
    case tree::NodeKind::kDirectory:
      return "directory";
    case tree::NodeKind::kSymlink:
      return "symlink";
    case tree::NodeKind::kFile:
      break;
  }
  return "file";
}

json node_document(const std::string& name, const tree::Node& node) {
  json document = {{"name", valid_utf8(name)},  {"type", kind_name(node.kind)},
                   {"size", node.size},         {"modified", format_rfc3339(node.modified)},
                   {"mode", node.mode & 07777}, {"inode", node.inode.value()}};
  if (node.item) {
    document["id"] = node.item->id.value();
    document["mime_type"] = node.item->mime_type;
    if (!node.item->md5.empty()) document["md5"] = node.item->md5;
  }
  return document;
}

std::string last_component(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

Dispatcher::Dispatcher(Identity identity, vfs::Vfs& vfs, Clock& clock, Metrics& metrics,
                       Mounts* mounts, Duration read_deadline)
    : identity_(std::move(identity)),
      vfs_(vfs),
      clock_(clock),
      metrics_(metrics),
      mounts_(mounts),
      read_deadline_(read_deadline),
      started_(clock.now()),
      cache_requests_(std::make_unique<CacheRequests>(
          vfs, clock, metrics, read_deadline,
          [this](const Context& context, const json& remote) { return find(context, remote); },
          /*waits_always=*/mounts == nullptr)),
      write_requests_(std::make_unique<WriteRequests>(
          vfs, clock,
          [this](const Context& context, const json& remote) { return find(context, remote); })),
      drain_(std::make_unique<Drain>(vfs, clock)) {}

Dispatcher::~Dispatcher() = default;

Status Dispatcher::handle(const Context& context, const json& request, Reply& reply) {
  const std::string op = request.is_object() ? text_of(request, "op") : "";
  if (op == "hello") return hello(reply);
  if (op == "status") return status(reply);
  if (op == "about") return about(context, reply);
  if (op == "ls") return ls(context, request, reply);
  if (op == "stat") return stat(context, request, reply);
  if (op == "cat") return cat_file(context, request, reply);
  if (op == "mount") return mount(context, request, reply);
  if (op == "unmount") return unmount(context, request, reply);
  if (CacheRequests::knows(op)) return cache_requests_->handle(context, op, request, reply);
  if (WriteRequests::knows(op)) return write_requests_->handle(context, op, request, reply);
  return Error{ErrorCode::kInvalidArgument, cat("unknown request \"", op, "\"")};
}

Context Dispatcher::step(const Context& context) const {
  return context.with_deadline(clock_.now() + read_deadline_);
}

std::vector<std::string> Dispatcher::mountpoints() const {
  return mounts_ == nullptr ? std::vector<std::string>() : mounts_->mountpoints();
}

Result<tree::Node> Dispatcher::find(const Context& context, const json& request) {
  if (const std::string id = text_of(request, "id"); !id.empty()) {
    return vfs_.by_id(step(context), FileId(id));
  }
  std::string path = text_of(request, "path");
  if (request.contains("shown")) {
    path = text_of(request, "shown");
    const InodeId top =
        mounts_ == nullptr ? tree::Tree::root() : mounts_->top(text_of(request, "mountpoint"));
    if (top != tree::Tree::root()) return find_below(step(context), vfs_, top, path);
  } else if (const std::string team = text_of(request, "team"); !team.empty()) {
    path = path_in_shared_drives(identity_.layout, cat(team, "/", path));
  } else {
    path = path_in_my_drive(identity_.layout, path);
  }
  return vfs_.resolve(step(context), path);
}

Status Dispatcher::hello(Reply& reply) {
  return reply.document({{"pid", ::getpid()},
                         {"version", kVersion},
                         {"account", identity_.account},
                         {"permission_id", identity_.permission_id},
                         {"mountpoints", mountpoints()},
                         {"cache_dir", identity_.cache_dir},
                         {"layout", name_of(identity_.layout)}});
}

Status Dispatcher::status(Reply& reply) {
  const tree::TreeStatus tree = vfs_.tree_status();
  const auto since = [&](TimePoint then) {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - then).count();
  };
  json feed = {{"healthy", tree.feed_healthy}};
  if (tree.last_poll != TimePoint{}) feed["last_poll_s"] = since(tree.last_poll);
  if (tree.feed_error) feed["error"] = tree.feed_error->to_string();
  Figures figures = metrics_.snapshot();
  // The gauge is of the last call to Drive, which may have been long ago.
  if (identity_.quota_units_last_minute) {
    figures["drive.quota.units_last_minute"] =
        static_cast<std::int64_t>(identity_.quota_units_last_minute());
  }
  const cache::CacheSummary cache = vfs_.cache().summary();
  json document = {{"mountpoints", mountpoints()},
                   {"account", identity_.account},
                   {"pid", ::getpid()},
                   {"version", kVersion},
                   {"uptime_s", since(started_)},
                   {"feed", std::move(feed)},
                   {"items", tree.items},
                   {"listed_directories", tree.listed_directories},
                   {"cached_bytes", cache.bytes},
                   {"cache", cache_document(cache)},
                   {"cache_dir", identity_.cache_dir},
                   {"read_only", vfs_.journal() == nullptr},
                   {"prefetches", cache_requests_->running()}};
  if (json writes = writes_document(vfs_, clock_); !writes.is_null()) {
    document["writes"] = std::move(writes);
  }
  add_figures(figures, document);
  document["metrics"] = std::move(figures);
  return reply.document(document);
}

json about_document(const drive::About& about) {
  return {{"name", about.display_name},
          {"email", about.email},
          {"permission_id", about.permission_id},
          {"storage_limit", about.storage_limit ? json(*about.storage_limit) : json()},
          {"usage", about.usage},
          {"usage_in_drive", about.usage_in_drive},
          {"usage_in_trash", about.usage_in_trash}};
}

Status Dispatcher::about(const Context& context, Reply& reply) {
  DRIVEWAY_TRY(const drive::About about, vfs_.about(step(context)));
  json document = about_document(about);
  document["left_in_drive"] = leftovers_document(vfs_.leftovers());
  return reply.document(document);
}

Status Dispatcher::ls(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const tree::Node node, find(context, request));
  if (node.kind != tree::NodeKind::kDirectory) {
    const std::string path = text_of(request, request.contains("shown") ? "shown" : "path");
    return reply.document(node_document(last_component(path), node));
  }
  DRIVEWAY_TRY(const auto entries, vfs_.list(step(context), node.inode));
  constexpr std::size_t kBatch = 1000;
  for (std::size_t begin = 0; begin < entries.size(); begin += kBatch) {
    const std::size_t end = std::min(entries.size(), begin + kBatch);
    std::vector<InodeId> inodes;
    for (std::size_t i = begin; i < end; ++i) inodes.push_back(entries[i].inode);
    auto nodes = vfs_.nodes(inodes);
    for (std::size_t i = begin; i < end; ++i) {
      std::optional<tree::Node>& shown = nodes[i - begin];
      if (!shown) {  // a shortcut whose target must be asked for, or it has gone since the listing
        auto asked = vfs_.lookup(step(context), node.inode, entries[i].name);
        if (asked.failed_with(ErrorCode::kNotFound)) continue;
        DRIVEWAY_TRY(shown, std::move(asked));
      }
      DRIVEWAY_CHECK(reply.document(node_document(entries[i].name, *shown)));
    }
  }
  return {};
}

Status Dispatcher::stat(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const tree::Node node, find(context, request));
  const std::string path = text_of(request, request.contains("shown") ? "shown" : "path");
  const bool by_path = !last_component(path).empty();
  json document =
      node_document(by_path ? last_component(path) : (node.item ? node.item->name : "/"), node);
  DRIVEWAY_TRY(const auto names, vfs_.list_attributes(node.inode));
  for (const std::string& name : names) {
    auto value = vfs_.attribute(node.inode, name);
    if (value.ok()) document["attributes"][name] = valid_utf8(*std::move(value));
  }
  return reply.document(document);
}

Status Dispatcher::cat_file(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const tree::Node node, find(context, request));
  DRIVEWAY_TRY(const auto file, vfs_.open_file(step(context), node.inode));
  DRIVEWAY_CHECK(reply.document({{"size", node.size}}));
  std::vector<std::byte> buffer(kCatPiece);
  for (Bytes offset = 0;;) {
    DRIVEWAY_TRY(const std::size_t count, file->read(step(context), offset, buffer));
    if (count == 0) return {};
    DRIVEWAY_CHECK(reply.bytes(std::span(buffer).first(count)));
    offset += count;
  }
}

bool is_urgent(const json& request) {
  const std::string op = request.is_object() ? text_of(request, "op") : "";
  return op == "hello" || op == "status" || op == "mount" || op == "unmount" ||
         op == "cache_show" || op == "retry";
}

ErrorCode code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::kInternal;
}

json mount_document(const MountRequest& request, const Identity& wanted) {
  const auto deadline =
      std::chrono::duration_cast<std::chrono::milliseconds>(request.read_deadline);
  json document = once_for_all(wanted);
  document.update({{"op", "mount"},
                   {"mountpoint", request.mountpoint},
                   {"options", request.kernel_options},
                   {"read_deadline_ms", deadline.count()},
                   {"top", request.top},
                   {"read_only", wanted.writes.read_only}});
  return document;
}

// What a daemon has once for all its mountpoints cannot be otherwise at one of them (D5). But one
// of them may be for reading only.
Status Dispatcher::refuse_other(const json& request) const {
  std::string differing;
  const auto differs = [&](const std::string& here, const std::string& asked) {
    differing += cat(differing.empty() ? "" : ", ", here, " (not ", asked, ")");
  };
  const json settings = once_for_all(identity_);
  for (const char* key :
       {"cache_dir", "layout", "lost_and_found", "docs", "umask", "fsync", "settle", "max_backlog",
        "delete", "revisions", "acknowledge_abuse", "max_download", "max_upload"}) {
    const std::string here = settings[key].get<std::string>();
    const std::string asked = text_of(request, key);
    if (here == asked) continue;
    std::string flag = cat("--", key);
    std::replace(flag.begin(), flag.end(), '_', '-');
    differs(cat(flag, " ", here), asked);
  }
  const WriteSettings& writes = identity_.writes;
  if (writes.read_only && !writes.read_only_by_login && !flag_of(request, "read_only")) {
    differs("--read-only", "for writing");
  }
  if (differing.empty()) return {};
  std::string where;
  for (const std::string& mountpoint : mountpoints()) {
    where += cat(where.empty() ? "" : ", ", mountpoint);
  }
  return Error{ErrorCode::kBusy,
               cat("this account is mounted at ", where, " by process ", ::getpid(), " with ",
                   differing, ": ask for the same, or unmount it first")};
}

Status Dispatcher::mount(const Context& context, const json& request, Reply& reply) {
  MountRequest wanted{.mountpoint = text_of(request, "mountpoint"),
                      .kernel_options = {},
                      .read_deadline = milliseconds_of(request, "read_deadline_ms"),
                      .top = text_of(request, "top")};
  if (mounts_ == nullptr || wanted.mountpoint.empty()) {
    return Error{ErrorCode::kInvalidArgument, "not a request to mount"};
  }
  DRIVEWAY_CHECK(refuse_other(request));
  for (const json& option : request.value("options", json::array())) {
    if (option.is_string()) wanted.kernel_options.push_back(option.get<std::string>());
  }
  const auto mounted = mounts_->mount(step(context), wanted);
  if (!mounted.ok()) {
    // Who asks takes over as soon as this daemon has ended, and sends what it has not.
    if (mounted.failed_with(ErrorCode::kUnavailable) && mountpoints().empty()) drain_->cancel();
    return mounted.error();
  }
  const bool fresh = *mounted;
  Status told = reply.document({{"mounted", wanted.mountpoint}, {"already", !fresh}});
  if (told.ok() || !fresh) return told;
  // Interrupted: who asked has gone, and does not know of the mount.
  const auto undone =
      mounts_->unmount(Context{.deadline = clock_.now()},
                       {.mountpoint = wanted.mountpoint, .force = true, .drain = {}});
  return undone.ok() ? told : Status(undone.error());
}

Status Dispatcher::unmount(const Context& context, const json& request, Reply& reply) {
  UnmountRequest wanted{.mountpoint = text_of(request, "mountpoint"),
                        .force = flag_of(request, "force"),
                        .drain = {}};
  if (mounts_ == nullptr || wanted.mountpoint.empty()) {
    return Error{ErrorCode::kInvalidArgument, "not a request to unmount"};
  }
  if (request.contains("drain_ms")) wanted.drain = milliseconds_of(request, "drain_ms");
  const Context limited =
      context.with_deadline(clock_.now() + milliseconds_of(request, "timeout_ms"));
  DRIVEWAY_TRY(const bool last, mounts_->unmount(limited, wanted));
  json document = {{"unmounted", wanted.mountpoint}, {"last", last}};
  return last ? tell_drained(context, std::move(document), reply) : reply.document(document);
}

// Until drain() has ended. Who asked may go: it ends by itself.
Status Dispatcher::tell_drained(const Context& context, json unmounted, Reply& reply) {
  if (vfs_.journal() == nullptr) return reply.document(unmounted);
  unmounted["left"] = backlog_document(vfs_, clock_);
  if (unmounted["left"]["changes"] == 0) return reply.document(unmounted);
  const FlushWatch watch(vfs_, std::nullopt);
  std::optional<Status> drained;
  while (!drained) {
    json progress = watch.progress();
    progress["event"] = "progress";
    DRIVEWAY_CHECK(reply.document(progress));
    DRIVEWAY_CHECK(context.check(clock_));
    drained = drain_->wait(context.with_deadline(clock_.now() + kDrainReportEvery));
  }
  unmounted["left"] = backlog_document(vfs_, clock_);
  if (!drained->ok()) {
    unmounted["code"] = to_string(drained->error().code);
    unmounted["message"] = valid_utf8(drained->error().to_string());
  }
  return reply.document(unmounted);
}

void Dispatcher::drain(const DrainLimits& limits) { drain_->run(limits); }

void Dispatcher::stop_draining() { drain_->cancel(); }

}  // namespace driveway::control
