#include "sim/oauth/scopes.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"

namespace driveway::sim {

namespace {

constexpr std::string_view kPrefix = "https://www.googleapis.com/auth/";

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

template <typename Keep>
std::string filtered(std::string_view scopes, Keep keep) {
  std::vector<std::string> kept;
  for (std::string& scope : scope_list(scopes)) {
    if (keep(scope)) kept.push_back(std::move(scope));
  }
  return join_scopes(kept);
}

}  // namespace

std::vector<std::string> scope_list(std::string_view scopes) {
  std::vector<std::string> list;
  for (const std::string_view scope : split(scopes, ' ')) {
    if (!scope.empty() && std::ranges::find(list, scope) == list.end()) list.emplace_back(scope);
  }
  return list;
}

std::string join_scopes(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

bool is_known_scope(std::string_view scope) {
  static constexpr std::string_view kPlain[] = {"openid", "email", "profile"};
  static constexpr std::string_view kDrive[] = {"drive",
                                                "drive.activity",
                                                "drive.activity.readonly",
                                                "drive.appdata",
                                                "drive.appfolder",
                                                "drive.apps.readonly",
                                                "drive.file",
                                                "drive.install",
                                                "drive.meet.readonly",
                                                "drive.metadata",
                                                "drive.metadata.readonly",
                                                "drive.photos.readonly",
                                                "drive.readonly",
                                                "drive.scripts"};
  if (is_one_of(kPlain, scope)) return true;
  if (!scope.starts_with(kPrefix) || scope == kPrefix) return false;
  const std::string_view name = scope.substr(kPrefix.size());
  if (name.starts_with("drive")) return is_one_of(kDrive, name);
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

bool is_device_scope(std::string_view scope) {
  static constexpr std::string_view kAllowed[] = {
      "email",
      "openid",
      "profile",
      "https://www.googleapis.com/auth/drive.appdata",
      "https://www.googleapis.com/auth/drive.file",
      "https://www.googleapis.com/auth/youtube",
      "https://www.googleapis.com/auth/youtube.readonly"};
  return is_one_of(kAllowed, scope);
}

bool has_scope(std::string_view scopes, std::string_view scope) {
  return std::ranges::any_of(split(scopes, ' '),
                             [&](std::string_view other) { return other == scope; });
}

bool includes_scopes(std::string_view all, std::string_view some) {
  return std::ranges::all_of(scope_list(some),
                             [&](const std::string& scope) { return has_scope(all, scope); });
}

std::string scopes_without(std::string_view scopes, std::string_view without) {
  return filtered(scopes, [&](const std::string& scope) { return !has_scope(without, scope); });
}

std::string scopes_within(std::string_view scopes, std::string_view within) {
  return filtered(scopes, [&](const std::string& scope) { return has_scope(within, scope); });
}

}  // namespace driveway::sim
