#include "drive/enable_hint.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"

namespace driveway::drive {
namespace {

constexpr std::string_view kEnabledAt = "it is enabled at ";
constexpr std::string_view kConsole =
    "https://console.cloud.google.com/apis/library/drive.googleapis.com";
constexpr std::size_t kLongestUrl = 200;

// The page of Google's console that stands in `text`; "" where none does.
std::string_view console_page(std::string_view text) {
  for (const std::string_view host :
       {"https://console.developers.google.com/", "https://console.cloud.google.com/"}) {
    const auto begin = text.find(host);
    if (begin == std::string_view::npos) continue;
    const std::string_view rest = text.substr(begin);
    const auto* const end = std::find_if_not(rest.begin(), rest.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("-._~:/?=&%").find(c) != std::string_view::npos;
    });
    std::string_view page = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    while (page.ends_with('.')) page.remove_suffix(1);  // of the sentence
    if (page.size() <= kLongestUrl) return page;
  }
  return {};
}

}  // namespace

Error with_enable_url(Error error, std::string_view said) {
  const std::string_view page = console_page(said);
  auto hint = std::make_shared<Error>();
  hint->code = error.code;
  hint->message = cat(kEnabledAt, page.empty() ? kConsole : page);
  hint->retryable = error.retryable;
  hint->cause = std::move(error.cause);
  error.cause = std::move(hint);
  return error;
}

std::optional<std::string> enable_url(const Error& error) {
  for (const Error* each = &error; each != nullptr; each = each->cause.get()) {
    if (each->message.starts_with(kEnabledAt)) return each->message.substr(kEnabledAt.size());
  }
  return std::nullopt;
}

}  // namespace driveway::drive
