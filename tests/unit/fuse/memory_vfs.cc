#include "unit/fuse/memory_vfs.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/strings.h"

namespace driveway::fuse {
namespace {

const InodeId kRoot{1};

Error error(ErrorCode code) { return Error{code, "as told"}; }

}  // namespace

class MemoryFile final : public vfs::OpenFile {
 public:
  MemoryFile(MemoryVfs& vfs, tree::Node node) : vfs_(vfs), node_(std::move(node)) {}

  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  bool keep_cache() const override { return true; }
  void set_shown() override {}

  Result<std::size_t> read(const Context&, Bytes offset, std::span<std::byte> buffer) override {
    const std::lock_guard lock(vfs_.mutex_);
    DRIVEWAY_CHECK(vfs_.begin("read"));
    const std::string& bytes = vfs_.items_.at(node_.inode).bytes;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t count = std::min(buffer.size(), bytes.size() - offset);
    std::memcpy(buffer.data(), bytes.data() + offset, count);
    return count;
  }

  Status write(const Context&, std::optional<Bytes> offset,
               std::span<const std::byte> data) override {
    return vfs_.change_bytes("write", node_.inode, [&](std::string& bytes) {
      const Bytes at = offset.value_or(bytes.size());
      bytes.resize(std::max<Bytes>(bytes.size(), at + data.size()));
      std::memcpy(bytes.data() + at, data.data(), data.size());
    });
  }
  Status truncate(const Context&, Bytes size) override {
    return vfs_.change_bytes("truncate", node_.inode,
                             [&](std::string& bytes) { bytes.resize(size); });
  }
  Status allocate(const Context&, ByteRange range, bool keep_size) override {
    return vfs_.change_bytes("allocate", node_.inode, [&](std::string& bytes) {
      if (!keep_size) bytes.resize(std::max<Bytes>(bytes.size(), range.end()));
    });
  }
  Status punch(const Context&, ByteRange range) override {
    return vfs_.change_bytes("punch", node_.inode, [&](std::string& bytes) {
      const ByteRange there = range.intersect({0, bytes.size()});
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(there.offset), there.length, '\0');
    });
  }
  Status flush(const Context&) override { return note("flush"); }
  Status sync(const Context&) override { return note("sync"); }
  Status close(const Context&) override { return note("close"); }

  // Zeros are holes.
  std::optional<Bytes> next_data(Bytes offset) override { return next(offset, false); }
  std::optional<Bytes> next_hole(Bytes offset) override { return next(offset, true); }

 private:
  Status note(const std::string& call) {
    const std::lock_guard lock(vfs_.mutex_);
    return vfs_.begin(call);
  }
  std::optional<Bytes> next(Bytes offset, bool hole) {
    const std::lock_guard lock(vfs_.mutex_);
    const std::string& bytes = vfs_.items_.at(node_.inode).bytes;
    if (offset >= bytes.size()) return std::nullopt;
    while (offset < bytes.size() && (bytes[offset] == '\0') != hole) ++offset;
    if (offset == bytes.size() && !hole) return std::nullopt;
    return offset;
  }

  MemoryVfs& vfs_;
  const tree::Node node_;
};

MemoryVfs::MemoryVfs() {
  Item& root = items_[kRoot];
  root.node.inode = root.node.parent = kRoot;
  root.node.kind = tree::NodeKind::kDirectory;
  root.node.mode = S_IFDIR | 0755;
  root.node.item.emplace();  // a folder of Drive's: its listing may be kept
}

std::string MemoryVfs::bytes_of(std::string_view path) {
  const auto found = resolve({}, path);
  if (!found.ok()) return found.error().to_string();
  const std::lock_guard lock(mutex_);
  return items_.at(found->inode).bytes;
}

std::map<std::string, int> MemoryVfs::take_calls() {
  const std::lock_guard lock(mutex_);
  return std::exchange(calls_, {});
}

int MemoryVfs::calls(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return calls_[name];
}

void MemoryVfs::add_silently(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (!make(kRoot, name, S_IFREG, {.mode = 0644}).ok()) std::abort();
}

void MemoryVfs::fail(const std::string& name, ErrorCode code) {
  const std::lock_guard lock(mutex_);
  failures_[name] = code;
}

void MemoryVfs::add_observer(tree::TreeObserver& observer) {
  const std::lock_guard lock(observers_mutex_);
  observers_.push_back(&observer);
}

void MemoryVfs::remove_observer(tree::TreeObserver& observer) {
  const std::lock_guard lock(observers_mutex_);
  std::erase(observers_, &observer);
}

void MemoryVfs::tell_entry(InodeId parent, std::string_view name, std::optional<InodeId> child) {
  const std::lock_guard lock(observers_mutex_);
  for (auto* observer : observers_) observer->entry_changed(parent, std::string(name), child);
}

void MemoryVfs::tell_attributes(InodeId inode) {
  const std::lock_guard lock(observers_mutex_);
  for (auto* observer : observers_) observer->attributes_changed(inode);
}

Status MemoryVfs::begin(const std::string& call) {
  ++calls_[call];
  const auto failure = failures_.find(call);
  if (failure == failures_.end()) return {};
  return error(failures_.extract(failure).mapped());
}

Result<MemoryVfs::Item*> MemoryVfs::item(InodeId inode) {
  const auto found = items_.find(inode);
  if (found == items_.end()) return error(ErrorCode::kNotFound);
  found->second.node.size =
      found->second.node.kind == tree::NodeKind::kDirectory ? 0 : found->second.bytes.size();
  return &found->second;
}

Result<MemoryVfs::Item*> MemoryVfs::child(InodeId parent, std::string_view name) {
  DRIVEWAY_TRY(Item* const directory, item(parent));
  const auto found = directory->entries.find(name);
  if (found == directory->entries.end()) return error(ErrorCode::kNotFound);
  return item(found->second);
}

Result<MemoryVfs::Item*> MemoryVfs::make(InodeId parent, std::string_view name, mode_t type,
                                         const vfs::NewNode& attributes) {
  if (child(parent, name).ok()) return error(ErrorCode::kAlreadyExists);
  DRIVEWAY_TRY(Item* const directory, item(parent));
  const InodeId inode(++last_inode_);
  directory->entries.emplace(name, inode);
  tree::Node& node = items_[inode].node;
  node.inode = inode;
  node.parent = parent;
  node.kind = type == S_IFDIR   ? tree::NodeKind::kDirectory
              : type == S_IFLNK ? tree::NodeKind::kSymlink
                                : tree::NodeKind::kFile;
  node.mode = type | attributes.mode;
  node.uid = attributes.uid;
  node.gid = attributes.gid;
  node.item.emplace();
  return item(inode);
}

Result<tree::Node> MemoryVfs::lookup(const Context&, InodeId parent, std::string_view name) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_CHECK(begin("lookup"));
  DRIVEWAY_TRY(const Item* const found, child(parent, name));
  return found->node;
}

Result<tree::Node> MemoryVfs::node(InodeId inode) {
  const std::lock_guard lock(mutex_);
  ++calls_["node"];
  DRIVEWAY_TRY(const Item* const found, item(inode));
  return found->node;
}

std::vector<std::optional<tree::Node>> MemoryVfs::nodes(std::span<const InodeId> inodes) {
  std::vector<std::optional<tree::Node>> found;
  for (const InodeId inode : inodes) {
    const auto one = node(inode);
    found.push_back(one.ok() ? std::optional(*one) : std::nullopt);
  }
  return found;
}

Result<std::vector<tree::DirEntry>> MemoryVfs::list(const Context&, InodeId directory) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_CHECK(begin("list"));
  DRIVEWAY_TRY(const Item* const listed, item(directory));
  std::vector<tree::DirEntry> entries;
  for (const auto& [name, inode] : listed->entries) {
    entries.push_back({name, inode, items_.at(inode).node.kind});
  }
  return entries;
}

Result<tree::Node> MemoryVfs::resolve(const Context&, std::string_view path) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Item* found, item(kRoot));
  for (const std::string_view name : split(path, '/')) {
    DRIVEWAY_TRY(found, child(found->node.inode, name));
  }
  return found->node;
}

Result<std::shared_ptr<vfs::OpenFile>> MemoryVfs::open_file(const Context&, InodeId inode,
                                                            const vfs::OpenMode& mode) {
  std::shared_ptr<vfs::OpenFile> file;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(begin("open"));
    DRIVEWAY_TRY(Item* const opened, item(inode));
    file = std::make_shared<MemoryFile>(*this, opened->node);
  }
  if (mode.truncate) DRIVEWAY_CHECK(file->truncate({}, 0));
  return file;
}

Result<std::string> MemoryVfs::read_link(const Context&, InodeId inode) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Item* const found, item(inode));
  return found->bytes;
}

Result<std::vector<std::string>> MemoryVfs::list_attributes(InodeId inode) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Item* const found, item(inode));
  std::vector<std::string> names;
  for (const auto& [name, value] : found->attributes) names.push_back(name);
  return names;
}

Result<std::string> MemoryVfs::attribute(InodeId inode, std::string_view name) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Item* const found, item(inode));
  const auto value = found->attributes.find(name);
  if (value == found->attributes.end()) return error(ErrorCode::kNotFound);
  return value->second;
}

Status MemoryVfs::set_attribute(const Context&, InodeId inode, std::string_view name,
                                std::string_view value, vfs::AttributeMode mode) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(Item* const found, item(inode));
  if (name.starts_with("user.drive.")) return error(ErrorCode::kPermissionDenied);
  if (value.size() > kMostAttribute) return error(ErrorCode::kTooLarge);
  const bool known = found->attributes.contains(name);
  if (known && mode == vfs::AttributeMode::kCreate) return error(ErrorCode::kAlreadyExists);
  if (!known && mode == vfs::AttributeMode::kReplace) return error(ErrorCode::kNotFound);
  found->attributes[std::string(name)] = value;
  return {};
}

Status MemoryVfs::remove_attribute(const Context&, InodeId inode, std::string_view name) {
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(Item* const found, item(inode));
  const auto value = found->attributes.find(name);
  if (value == found->attributes.end()) return error(ErrorCode::kNotFound);
  found->attributes.erase(value);
  return {};
}

Result<vfs::Opened> MemoryVfs::create_file(const Context&, InodeId parent, std::string_view name,
                                           const vfs::NewNode& attributes, const vfs::OpenMode&) {
  std::optional<tree::Node> node;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(begin("create"));
    DRIVEWAY_TRY(const Item* const made, make(parent, name, S_IFREG, attributes));
    node = made->node;
  }
  tell_entry(parent, name, std::nullopt);
  return vfs::Opened{*node, std::make_shared<MemoryFile>(*this, *node)};
}

Result<tree::Node> MemoryVfs::make_folder(const Context&, InodeId parent, std::string_view name,
                                          const vfs::NewNode& attributes) {
  std::optional<tree::Node> node;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_TRY(const Item* const made, make(parent, name, S_IFDIR, attributes));
    node = made->node;
  }
  tell_entry(parent, name, std::nullopt);
  return *node;
}

Result<tree::Node> MemoryVfs::make_symlink(const Context&, InodeId parent, std::string_view name,
                                           std::string_view target,
                                           const vfs::NewNode& attributes) {
  std::optional<tree::Node> node;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_TRY(Item* const made, make(parent, name, S_IFLNK, attributes));
    made->bytes = target;
    made->node.size = target.size();
    node = made->node;
  }
  tell_entry(parent, name, std::nullopt);
  return *node;
}

template <typename Change>
Status MemoryVfs::change_bytes(const std::string& call, InodeId inode, Change change) {
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(begin(call));
    DRIVEWAY_TRY(Item* const changed, item(inode));
    change(changed->bytes);
  }
  tell_attributes(inode);
  return {};
}

Result<tree::Node> MemoryVfs::set_attributes(const Context&, InodeId inode,
                                             const vfs::AttributeChange& change) {
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(begin("set_attributes"));
    DRIVEWAY_TRY(Item* const changed, item(inode));
    if (change.size.value_or(0) > kMostBytes) return error(ErrorCode::kTooLarge);
    if (change.size) changed->bytes.resize(*change.size);
    tree::Node& node = changed->node;
    if (change.mode) node.mode = (node.mode & static_cast<mode_t>(S_IFMT)) | *change.mode;
    if (change.uid) node.uid = *change.uid;
    if (change.gid) node.gid = *change.gid;
    if (change.modified) node.modified = *change.modified;
  }
  tell_attributes(inode);
  return node(inode);
}

Status MemoryVfs::remove(InodeId parent, std::string_view name, bool folder) {
  DRIVEWAY_TRY(Item* const removed, child(parent, name));
  const bool is_folder = removed->node.kind == tree::NodeKind::kDirectory;
  if (is_folder != folder) {
    return error(folder ? ErrorCode::kNotADirectory : ErrorCode::kIsADirectory);
  }
  if (!removed->entries.empty()) return error(ErrorCode::kNotEmpty);
  removed->node.parent = InodeId();
  items_.at(parent).entries.erase(std::string(name));
  return {};
}

Status MemoryVfs::unlink(const Context&, InodeId parent, std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(remove(parent, name, false));
  }
  tell_entry(parent, name, std::nullopt);
  return {};
}

Status MemoryVfs::remove_folder(const Context&, InodeId parent, std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_CHECK(remove(parent, name, true));
  }
  tell_entry(parent, name, std::nullopt);
  return {};
}

Status MemoryVfs::rename(const Context&, InodeId parent, std::string_view name, InodeId new_parent,
                         std::string_view new_name, vfs::RenameMode mode) {
  InodeId moved;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_TRY(Item* const source, child(parent, name));
    moved = source->node.inode;
    const auto target = child(new_parent, new_name);
    if (target.ok() && mode == vfs::RenameMode::kNoReplace) {
      return error(ErrorCode::kAlreadyExists);
    }
    if (mode == vfs::RenameMode::kExchange) {
      DRIVEWAY_TRY(Item* const other, child(new_parent, new_name));
      other->node.parent = parent;
      items_.at(parent).entries[std::string(name)] = other->node.inode;
    } else {
      if (target.ok()) {
        DRIVEWAY_CHECK(
            remove(new_parent, new_name, source->node.kind == tree::NodeKind::kDirectory));
      }
      items_.at(parent).entries.erase(std::string(name));
    }
    source->node.parent = new_parent;
    items_.at(new_parent).entries[std::string(new_name)] = moved;
  }
  tell_entry(parent, name, moved);
  tell_entry(new_parent, new_name, std::nullopt);
  return {};
}

Result<Bytes> MemoryVfs::copy_range(const Context& context, vfs::OpenFile& from, Bytes from_offset,
                                    vfs::OpenFile& to, Bytes to_offset, Bytes length) {
  std::string bytes(length, '\0');
  DRIVEWAY_TRY(const std::size_t count,
               from.read(context, from_offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(count);
  DRIVEWAY_CHECK(to.write(context, to_offset, std::as_bytes(std::span(bytes))));
  const std::lock_guard lock(mutex_);
  ++calls_["copy"];
  return Bytes{count};
}

Status MemoryVfs::sync_folder(const Context&, InodeId) {
  const std::lock_guard lock(mutex_);
  return begin("sync_folder");
}

Result<vfs::Space> MemoryVfs::space(const Context&) {
  return vfs::Space{.total = kGiB, .free = kGiB, .items = 1};
}

// What no mount asks for.
Result<tree::Node> MemoryVfs::by_id(const Context&, const FileId&) {
  return error(ErrorCode::kUnsupported);
}
Status MemoryVfs::flush(const Context&, InodeId) { return error(ErrorCode::kUnsupported); }
Result<std::uint64_t> MemoryVfs::export_unsent(const Context&, const std::filesystem::path&) {
  return error(ErrorCode::kUnsupported);
}
Result<drive::About> MemoryVfs::about(const Context&) { return error(ErrorCode::kUnsupported); }
cache::ContentCache& MemoryVfs::cache() { std::abort(); }
Status MemoryVfs::fetch_content(const Context&, const tree::Node&) {
  return error(ErrorCode::kUnsupported);
}

}  // namespace driveway::fuse
