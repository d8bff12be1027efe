#include "control/dispatcher.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::control {
namespace {

using nlohmann::json;

constexpr std::string_view kVersion = DRIVEWAY_VERSION;
constexpr Bytes kCatPiece = 1 * kMiB;
constexpr std::int64_t kMaxTimeoutMs = 24 * 3600 * 1000;

std::string text_of(const json& request, const char* key) {
  const auto found = request.find(key);
  return found != request.end() && found->is_string() ? found->get<std::string>() : "";
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

std::string valid_utf8(std::string text) {
  return is_valid_utf8(text) ? std::move(text) : percent_encode(text);
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
                       Unmount unmount)
    : identity_(std::move(identity)),
      vfs_(vfs),
      clock_(clock),
      metrics_(metrics),
      unmount_(std::move(unmount)),
      started_(clock.now()) {}

Status Dispatcher::handle(const Context& context, const json& request, Reply& reply) {
  const std::string op = request.is_object() ? text_of(request, "op") : "";
  if (op == "hello") return hello(reply);
  if (op == "status") return status(reply);
  if (op == "about") return about(context, reply);
  if (op == "ls") return ls(context, request, reply);
  if (op == "stat") return stat(context, request, reply);
  if (op == "cat") return cat_file(context, request, reply);
  if (op == "unmount") return unmount(context, request, reply);
  return Error{ErrorCode::kInvalidArgument, cat("unknown request \"", op, "\"")};
}

Result<tree::Node> Dispatcher::find(const Context& context, const json& request) {
  if (const std::string id = text_of(request, "id"); !id.empty()) {
    return vfs_.by_id(context, FileId(id));
  }
  const bool colab = identity_.layout == tree::Layout::kColab;
  std::string path = text_of(request, "path");
  if (request.contains("shown")) {
    path = text_of(request, "shown");
  } else if (const std::string team = text_of(request, "team"); !team.empty()) {
    path = cat(colab ? "Shareddrives/" : ".Shareddrives/", team, "/", path);
  } else if (colab) {
    path = cat("MyDrive/", path);
  }
  return vfs_.resolve(context, path);
}

Status Dispatcher::hello(Reply& reply) {
  return reply.document({{"pid", ::getpid()},
                         {"version", kVersion},
                         {"account", identity_.account},
                         {"permission_id", identity_.permission_id},
                         {"mountpoint", identity_.mountpoint},
                         {"cache_dir", identity_.cache_dir}});
}

Status Dispatcher::status(Reply& reply) {
  const tree::TreeStatus tree = vfs_.tree_status();
  const auto since = [&](TimePoint then) {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - then).count();
  };
  json feed = {{"healthy", tree.feed_healthy}};
  if (tree.last_poll != TimePoint{}) feed["last_poll_s"] = since(tree.last_poll);
  if (tree.feed_error) feed["error"] = tree.feed_error->to_string();
  return reply.document({{"mountpoint", identity_.mountpoint},
                         {"account", identity_.account},
                         {"pid", ::getpid()},
                         {"version", kVersion},
                         {"uptime_s", since(started_)},
                         {"feed", std::move(feed)},
                         {"items", tree.items},
                         {"listed_directories", tree.listed_directories},
                         {"cached_bytes", vfs_.cached_bytes()},
                         {"cache_dir", identity_.cache_dir},
                         {"metrics", metrics_.snapshot()}});
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
  DRIVEWAY_TRY(const drive::About about, vfs_.about(context));
  return reply.document(about_document(about));
}

Status Dispatcher::ls(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_TRY(const tree::Node node, find(context, request));
  if (node.kind != tree::NodeKind::kDirectory) {
    const std::string path = text_of(request, request.contains("shown") ? "shown" : "path");
    return reply.document(node_document(last_component(path), node));
  }
  DRIVEWAY_TRY(const auto entries, vfs_.list(context, node.inode));
  constexpr std::size_t kBatch = 1000;
  for (std::size_t begin = 0; begin < entries.size(); begin += kBatch) {
    const std::size_t end = std::min(entries.size(), begin + kBatch);
    std::vector<InodeId> inodes;
    for (std::size_t i = begin; i < end; ++i) inodes.push_back(entries[i].inode);
    const auto nodes = vfs_.nodes(inodes);
    for (std::size_t i = begin; i < end; ++i) {
      // What has gone since the listing is left out.
      if (!nodes[i - begin]) continue;
      DRIVEWAY_CHECK(reply.document(node_document(entries[i].name, *nodes[i - begin])));
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
  DRIVEWAY_TRY(const auto file, vfs_.open_file(context, node.inode));
  DRIVEWAY_CHECK(reply.document({{"size", node.size}}));
  std::vector<std::byte> buffer(kCatPiece);
  for (Bytes offset = 0;;) {
    DRIVEWAY_TRY(const std::size_t count, file->read(context, offset, buffer));
    if (count == 0) return {};
    DRIVEWAY_CHECK(reply.bytes(std::span(buffer).first(count)));
    offset += count;
  }
}

Status Dispatcher::unmount(const Context& context, const json& request, Reply& reply) {
  if (!unmount_) return Error{ErrorCode::kInvalidArgument, "nothing is mounted here"};
  const auto number = request.find("timeout_ms");
  const std::int64_t timeout =
      number != request.end() && number->is_number_integer() ? number->get<std::int64_t>() : 0;
  const auto force = request.find("force");
  const Context limited =
      context.with_deadline(clock_.now() + std::chrono::milliseconds(std::clamp<std::int64_t>(
                                               timeout, 0, kMaxTimeoutMs)));
  DRIVEWAY_CHECK(
      unmount_(limited, force != request.end() && force->is_boolean() && force->get<bool>()));
  return reply.document({{"unmounted", identity_.mountpoint}});
}

}  // namespace driveway::control
