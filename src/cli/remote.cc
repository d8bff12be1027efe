#include "cli/remote.h"

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

}  // namespace

void Remote::add_to(nlohmann::json& request) const {
  if (daemon) {
    request["shown"] = shown;
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
  std::string path = std::filesystem::absolute(text, ignored).lexically_normal().string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  for (std::size_t i = 0; i < daemons.size(); ++i) {
    if (auto shown = below(path, daemons[i].mountpoint)) {
      Remote remote;
      remote.daemon = static_cast<int>(i);
      remote.shown = *std::move(shown);
      return remote;
    }
  }
  return Error{ErrorCode::kInvalidArgument,
               cat("\"", text, "\" is neither in a mounted Drive nor a remote such as drive:PATH")};
}

}  // namespace driveway::cli
