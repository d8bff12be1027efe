#include "cli/remote.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::cli {
namespace {

Remote parse_prefixed(std::string_view account, std::string_view rest) {
  Remote remote;
  if (account != "drive") remote.account = account;
  if (rest.starts_with("id=")) {
    remote.id = rest.substr(3);
    return remote;
  }
  if (rest.starts_with('@')) {
    const auto slash = rest.find('/');
    remote.team = rest.substr(1, slash == std::string_view::npos ? slash : slash - 1);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  }
  while (rest.starts_with('/')) rest.remove_prefix(1);
  remote.path = rest;
  return remote;
}

// The part of `path` below `mountpoint`, or nothing if it is not in there. Textual: a dead mount
// must not be asked.
std::optional<std::string> below(const std::string& path, const std::string& mountpoint) {
  if (mountpoint.empty() || !path.starts_with(mountpoint)) return std::nullopt;
  if (path.size() == mountpoint.size()) return "";
  if (path[mountpoint.size()] != '/') return std::nullopt;
  return path.substr(mountpoint.size() + 1);
}

// The path without symlinks as far as a mountpoint: what lies in it, which may be wedged, is not
// asked (readlink(2) of a mountpoint itself asks nothing of what is mounted on it).
std::string without_links(const std::filesystem::path& path,
                          const std::vector<control::Daemon>& daemons) {
  constexpr int kMostLinks = 40;  // as the kernel's MAXSYMLINKS
  std::filesystem::path here = path.root_path();
  std::filesystem::path rest = path.relative_path();
  int links = 0;
  const auto is_mountpoint = [&](const control::Daemon& daemon) {
    return daemon.is_mounted_at(here.string());
  };
  while (!rest.empty() && std::none_of(daemons.begin(), daemons.end(), is_mountpoint)) {
    const std::filesystem::path next = here / *rest.begin();
    const std::filesystem::path below = rest.lexically_relative(*rest.begin());
    std::error_code no_link;
    const auto target = std::filesystem::read_symlink(next, no_link);
    const std::filesystem::path tail = below == "." ? std::filesystem::path() : below;
    if (no_link) {
      here = next;
      rest = tail;
    } else if (++links > kMostLinks) {
      break;
    } else {
      const auto followed = (here / target / tail).lexically_normal();
      here = followed.root_path();
      rest = followed.relative_path();
    }
  }
  std::string text = (here / rest).string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

void Remote::add_to(nlohmann::json& request) const {
  if (daemon) {
    request["shown"] = shown;
    request["mountpoint"] = mountpoint;
  } else if (!id.empty()) {
    request["id"] = id;
  } else {
    request["path"] = path;
    if (!team.empty()) request["team"] = team;
  }
}

Result<Remote> parse_remote(std::string_view text, const std::vector<control::Daemon>& daemons) {
  const auto colon = text.find(':');
  const auto slash = text.find('/');
  if (colon != std::string_view::npos && colon > 0 &&
      (slash == std::string_view::npos || colon < slash)) {
    return parse_prefixed(text.substr(0, colon), text.substr(colon + 1));
  }
  std::error_code ignored;
  const std::string path =
      without_links(std::filesystem::absolute(text, ignored).lexically_normal(), daemons);
  for (std::size_t i = 0; i < daemons.size(); ++i) {
    for (const std::string& mountpoint : daemons[i].mountpoints) {
      auto shown = below(path, mountpoint);
      if (!shown) continue;
      Remote remote;
      remote.daemon = static_cast<int>(i);
      remote.mountpoint = mountpoint;
      remote.shown = *std::move(shown);
      return remote;
    }
  }
  return Error{ErrorCode::kInvalidArgument,
               cat("\"", text, "\" is neither in a mounted Drive nor a remote such as drive:PATH")};
}

}  // namespace driveway::cli
