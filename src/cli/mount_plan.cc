#include "cli/mount_plan.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>

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

}  // namespace

Result<MountPlan> plan_vfs(const Settings& settings) {
  MountPlan plan;
  plan.account = settings.text("account", "");
  DRIVEWAY_TRY(plan.quota,
               settings.choice("quota", {"2026", "legacy", "unlimited", "auto"}, "auto"));
  plan.cache_dir = one_spelling(
      settings.text("cache-dir", default_cache_directory(settings.environment()).string()));
  DRIVEWAY_TRY(plan.vfs.cache.capacity,
               settings.size("cache-size", default_cache_size(plan.cache_dir)));
  DRIVEWAY_TRY(plan.vfs.cache.min_free_disk, settings.fraction("min-free-disk", 0.05));
  DRIVEWAY_TRY(plan.vfs.tree.poll_interval, settings.duration("poll", std::chrono::seconds(10)));
  const auto layout = settings.choice("layout", {"colab", "root"}, "colab");
  if (!layout.ok()) return layout.error();
  plan.vfs.tree.layout = *layout == "root" ? tree::Layout::kRoot : tree::Layout::kColab;
  const auto docs = settings.choice("docs", {"link", "export"}, "link");
  if (!docs.ok()) return docs.error();
  plan.vfs.tree.docs = *docs == "export" ? tree::DocsMode::kExport : tree::DocsMode::kLink;
  plan.vfs.tree.uid = ::getuid();
  plan.vfs.tree.gid = ::getgid();
  return plan;
}

Result<MountPlan> plan_mount(const Settings& settings, const MountArguments& arguments) {
  DRIVEWAY_TRY(MountPlan plan, plan_vfs(settings));
  plan.mount.mountpoint = fuse::canonical_mountpoint(arguments.mountpoint);
  plan.mount.kernel_options = arguments.kernel_options;
  DRIVEWAY_TRY(const bool read_only, settings.boolean("read-only", false));
  if (read_only) plan.mount.kernel_options.emplace_back("ro");
  DRIVEWAY_TRY(plan.mount.read_deadline,
               settings.duration("read-deadline", std::chrono::seconds(300)));
  plan.vfs.fetcher.time_limit = std::max(plan.vfs.fetcher.time_limit, plan.mount.read_deadline);
  return plan;
}

}  // namespace driveway::cli
