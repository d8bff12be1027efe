#include "http/request_text.h"

#include "base/strings.h"

namespace driveway::http {

namespace {

struct UrlParts {
  std::string_view scheme, authority, path;
};

UrlParts split_url(std::string_view url) {
  UrlParts parts;
  url = url.substr(0, url.find_first_of("?#"));
  if (const auto end = url.find("://"); end != std::string_view::npos) {
    parts.scheme = url.substr(0, end);
    url.remove_prefix(end + 3);
  }
  const auto slash = url.find('/');
  parts.authority = url.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = url.substr(slash);
  if (const auto at = parts.authority.rfind('@'); at != std::string_view::npos) {
    parts.authority.remove_prefix(at + 1);
  }
  return parts;
}

}  // namespace

std::string request_text(std::string_view method, std::string_view url) {
  const UrlParts parts = split_url(url);
  return cat(method, " ", parts.authority, parts.path);
}

std::string url_origin(std::string_view url) {
  const UrlParts parts = split_url(url);
  const std::string scheme = to_lower(parts.scheme);
  if ((scheme != "http" && scheme != "https") || parts.authority.empty()) return "";
  return cat(scheme, "://", to_lower(parts.authority));
}

}  // namespace driveway::http
