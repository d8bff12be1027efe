#include "sim/drive/method_override.h"

#include "base/strings.h"
#include "sim/drive/call.h"

namespace driveway::sim {

std::optional<RequestHead> method_override(const RequestHead& head) {
  const std::string* method = head.header("X-HTTP-Method-Override");
  if (method == nullptr || head.method != "POST") return std::nullopt;
  RequestHead meant = head;
  meant.method = *method;
  return meant;
}

std::optional<RequestHead> method_override(const RequestHead& head, BodyReader& body) {
  auto meant = method_override(head);
  const std::string* type = head.header("Content-Type");
  if (!meant || type == nullptr || !type->starts_with("application/x-www-form-urlencoded")) {
    return meant;
  }
  constexpr std::size_t kMaxForm = 1 * kMiB;
  const auto form = body.read_all(kMaxForm);
  if (!form.ok()) throw BodyGone{};
  for (const std::string_view pair : split(*form, '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    meant->query.emplace_back(percent_decode(pair.substr(0, equals), true),
                              percent_decode(value, true));
  }
  return meant;
}

}  // namespace driveway::sim
