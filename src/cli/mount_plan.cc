#include "cli/mount_plan.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "auth/login_store.h"
#include "base/strings.h"

namespace driveway::cli {
namespace {

constexpr Bytes kMaxDefaultCache = 50 * kGiB;

// The same for every way to write it: daemons are told apart by it.
std::filesystem::path one_spelling(const std::filesystem::path& folder) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error);
  const auto canonical = std::filesystem::weakly_canonical(absolute, error);
  std::filesystem::path path = error ? absolute.lexically_normal() : canonical;
  return path.has_filename() ? path : path.parent_path();
}

// Half of the free disk, up to 50 GiB (design: the commands).
Bytes default_cache_size(const std::filesystem::path& cache_dir) {
  std::filesystem::path existing = cache_dir;
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  const auto space = std::filesystem::space(existing, error);
  return error ? kMaxDefaultCache : std::min<Bytes>(kMaxDefaultCache, space.available / 2);
}

// J11, where nothing paces them: eight at once, with the looks before them some 0.4 s each.
constexpr double kUnpacedWritesPerSecond = 20;

vfs::RevisionsMode revisions_mode(const std::string& name) {
  if (name == "keep") return vfs::RevisionsMode::kKeep;
  return name == "drop" ? vfs::RevisionsMode::kDrop : vfs::RevisionsMode::kAuto;
}

// What is shown of files without modes of their own.
Status plan_modes(const Settings& settings, tree::TreeOptions& options) {
  const auto umask = settings.where("umask");
  if (!umask) return {};
  unsigned mask = 0;
  const std::string& text = umask->value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 8);
  if (error != std::errc() || end != text.data() + text.size() || mask > 0777) {
    return Error{ErrorCode::kInvalidArgument,
                 cat(umask->place, ": \"", text, "\" is no octal mask such as 022")};
  }
  options.file_mode = 0666 & ~mask;
  options.directory_mode = 0777 & ~mask;
  return {};
}

// How what is written goes to Drive.
Status plan_writes(const Settings& settings, vfs::VfsOptions& options) {
  DRIVEWAY_TRY(options.read_only, settings.boolean("read-only", false));
  const auto fsync = settings.choice("fsync", {"journal", "upload"}, "journal");
  if (!fsync.ok()) return fsync.error();
  options.fsync = *fsync == "upload" ? vfs::FsyncMode::kUpload : vfs::FsyncMode::kJournal;
  DRIVEWAY_TRY(const Duration settle, settings.duration("settle", std::chrono::seconds(1)));
  options.changes.settle = std::chrono::duration_cast<journal::Milliseconds>(settle);
  DRIVEWAY_TRY(options.max_backlog, settings.duration("max-backlog", std::chrono::minutes(10)));
  const auto removal = settings.choice("delete", {"trash", "permanent"}, "trash");
  if (!removal.ok()) return removal.error();
  options.changes.delete_permanently = *removal == "permanent";
  const auto revisions = settings.choice("revisions", {"auto", "keep", "drop"}, "auto");
  if (!revisions.ok()) return revisions.error();
  options.sender.revisions = revisions_mode(*revisions);
  return {};
}

// Where all share a rate each waits for its turn: so long at most, which is no sign of a connection
// that hangs.
Duration longest_turn(Bytes per_second, int transfers) {
  constexpr Bytes kTurn = 16 * kKiB;  // http/rate_limit.h
  if (per_second == 0) return {};
  return std::chrono::milliseconds(1000 * kTurn * static_cast<Bytes>(transfers) / per_second);
}

Status plan_rates(const Settings& settings, MountPlan& plan) {
  DRIVEWAY_TRY(plan.drive.max_download, settings.size("max-download", 0));
  DRIVEWAY_TRY(plan.drive.max_upload, settings.size("max-upload", 0));
  plan.vfs.fetcher.patience += longest_turn(plan.drive.max_download, plan.vfs.fetcher.threads);
  return {};
}

// The default account is the same by its name and without one.
std::string label_of(const std::string& account) {
  return account == auth::kDefaultAccount ? "" : account;
}

}  // namespace

Result<auth::SourceOptions> source_options(const Settings& settings) {
  auth::SourceOptions options{.account = settings.text("account", ""),
                              .subject = settings.text("subject", "")};
  const auto with = settings.where("with");
  if (!with) return options;
  auto method = auth::parse_method(with->value);
  if (!method.ok()) return wrap(std::move(method).error(), with->place);
  options.method = *std::move(method);
  // The default account of config.toml is not meant where --with stands on the line, and the other
  // way round: whose Drive it is, is said in one place.
  const auto account = settings.where("account");
  if (!account || !options.method.is_explicit()) return options;
  if (with->rank > account->rank) options.account.clear();
  if (with->rank < account->rank) options.method = auth::Method();
  return options;
}

Result<MountPlan> plan_vfs(const Settings& settings) {
  MountPlan plan;
  DRIVEWAY_TRY(plan.source, source_options(settings));
  plan.account =
      plan.source.method.is_explicit() ? plan.source.method.label() : label_of(plan.source.account);
  if (!plan.source.subject.empty()) plan.account += cat(" for ", plan.source.subject);
  DRIVEWAY_TRY(plan.drive.quota,
               settings.choice("quota", {"2026", "legacy", "unlimited", "auto"}, "auto"));
  DRIVEWAY_TRY(plan.drive.acknowledge_abuse, settings.boolean("acknowledge-abuse", false));
  DRIVEWAY_CHECK(plan_rates(settings, plan));
  plan.cache_dir = one_spelling(
      settings.text("cache-dir", default_cache_directory(settings.environment()).string()));
  DRIVEWAY_TRY(plan.vfs.cache.capacity,
               settings.size("cache-size", default_cache_size(plan.cache_dir)));
  DRIVEWAY_TRY(plan.vfs.cache.min_free_disk, settings.fraction("min-free-disk", 0.05));
  DRIVEWAY_TRY(plan.vfs.tree.poll_interval, settings.duration("poll", std::chrono::seconds(10)));
  const auto layout = settings.choice("layout", {"colab", "root"}, "colab");
  if (!layout.ok()) return layout.error();
  plan.vfs.tree.layout = *layout == "root" ? tree::Layout::kRoot : tree::Layout::kColab;
  DRIVEWAY_TRY(plan.vfs.tree.lost_and_found, settings.boolean("lost-and-found", false));
  if (const auto docs = settings.where("docs")) {
    auto mode = tree::DocsMode::parse(docs->value);
    if (!mode.ok()) return wrap(std::move(mode).error(), docs->place);
    plan.vfs.tree.docs = *std::move(mode);
  }
  plan.vfs.tree.uid = ::getuid();
  plan.vfs.tree.gid = ::getgid();
  DRIVEWAY_CHECK(plan_modes(settings, plan.vfs.tree));
  DRIVEWAY_CHECK(plan_writes(settings, plan.vfs));
  if (plan.drive.quota == "unlimited") plan.vfs.changes.writes_per_second = kUnpacedWritesPerSecond;
  return plan;
}

void use_account(MountPlan& plan, const std::string& name) {
  plan.account = label_of(name);
  plan.source.account = name;
}

bool names_account(const Settings& settings) {
  return !settings.text("account", "").empty() || settings.text("with", "auto") != "auto" ||
         !settings.text("subject", "").empty();
}

void make_read_only(MountPlan& plan) {
  std::vector<std::string>& options = plan.mount.kernel_options;
  plan.vfs.read_only = true;
  std::erase(options, "rw");
  std::erase(options, "ro");
  options.emplace_back("ro");
}

control::WriteSettings write_settings(const vfs::VfsOptions& options) {
  return {.read_only = options.read_only,
          .fsync = options.fsync,
          .settle = options.changes.settle,
          .max_backlog = options.max_backlog,
          .delete_permanently = options.changes.delete_permanently,
          .revisions = options.sender.revisions};
}

Result<MountPlan> plan_mount(const Settings& settings, const MountArguments& arguments) {
  DRIVEWAY_TRY(MountPlan plan, plan_vfs(settings));
  plan.mount.mountpoint = fuse::canonical_mountpoint(arguments.mountpoint);
  plan.mount.kernel_options = arguments.kernel_options;
  if (!arguments.log_file.empty()) plan.log_file = std::filesystem::absolute(arguments.log_file);
  const std::vector<std::string>& options = arguments.kernel_options;
  const bool asked = std::find(options.begin(), options.end(), "ro") != options.end();
  if (asked || plan.vfs.read_only) make_read_only(plan);
  plan.top = settings.text("top", "");
  DRIVEWAY_TRY(plan.mount.read_deadline,
               settings.duration("read-deadline", std::chrono::seconds(300)));
  plan.vfs.fetcher.time_limit = std::max(plan.vfs.fetcher.time_limit, plan.mount.read_deadline);
  return plan;
}

}  // namespace driveway::cli
