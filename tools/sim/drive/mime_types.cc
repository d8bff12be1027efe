#include "sim/drive/mime_types.h"

#include <utility>

#include "base/strings.h"

namespace driveway::sim {

namespace {
constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"txt", "text/plain"},        {"md", "text/markdown"},      {"csv", "text/csv"},
    {"html", "text/html"},        {"json", "application/json"}, {"py", "text/x-python"},
    {"pdf", "application/pdf"},   {"zip", "application/zip"},   {"gz", "application/gzip"},
    {"tar", "application/x-tar"}, {"jpg", "image/jpeg"},        {"jpeg", "image/jpeg"},
    {"png", "image/png"},         {"gif", "image/gif"},         {"svg", "image/svg+xml"},
    {"mp3", "audio/mpeg"},        {"wav", "audio/wav"},         {"mp4", "video/mp4"},
    {"xml", "text/xml"},          {"ipynb", "application/json"}};
}  // namespace

std::string_view extension_of(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

std::string_view mime_of_name(std::string_view name) {
  const std::string_view extension = extension_of(name);
  for (const auto& [known, type] : kTypes) {
    if (equals_ignoring_case(extension, known)) return type;
  }
  return "application/octet-stream";
}

}  // namespace driveway::sim
