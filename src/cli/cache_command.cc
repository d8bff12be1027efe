// `driveway cache show`, `trim`, `clear`.

#include <iomanip>
#include <iostream>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/view.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

// Keeps the one document of the answer.
class Document final : public control::Reply {
 public:
  Status document(const json& document) override {
    document_ = document;
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }
  const json& get() const { return document_; }

 private:
  json document_ = json::object();
};

Result<json> request_of(const CacheArguments& arguments) {
  switch (arguments.verb) {
    case CacheVerb::kShow:
      return json{{"op", "cache_show"}};
    case CacheVerb::kClear:
      return json{{"op", "cache_clear"}, {"all", arguments.all}};
    case CacheVerb::kTrim:
      break;
  }
  json request = {{"op", "cache_trim"}};
  if (!arguments.to.empty()) {
    const auto target = parse_size(arguments.to);
    if (!target.ok()) return wrap(target.error(), "--to");
    request["to"] = *target;
  }
  return request;
}

void print(const json& cache) {
  const auto number = [&](const char* key) { return cache.value(key, std::uint64_t{0}); };
  if (cache.contains("evicted_bytes")) {
    std::cout << "evicted:   " << format_size(number("evicted_bytes")) << " in "
              << number("evicted_contents") << " files\n";
  }
  std::cout << "cached:    " << format_size(number("bytes")) << " of "
            << format_size(number("capacity")) << ", " << number("contents") << " files\n"
            << "pinned:    " << format_size(number("pinned_bytes")) << ", "
            << number("pinned_contents") << " files\n"
            << "free disk: " << format_size(number("free_disk")) << ", of which "
            << format_size(number("free_disk_floor")) << " stay free\n";
}

Result<json> ask(const Settings& settings, const CacheArguments& arguments,
                 const Context& context) {
  SystemClock clock;
  DRIVEWAY_TRY(const json request, request_of(arguments));
  const auto daemons = running_daemons(clock);
  DRIVEWAY_TRY(const auto view, open_view(context, Remote{}, daemons, settings, clock));
  Document reply;
  DRIVEWAY_CHECK(view->ask(context, request, reply));
  return reply.get();
}

}  // namespace

ExitStatus cache(const Settings& settings, const CacheArguments& arguments) {
  const InterruptGuard interrupt;
  const auto answer = ask(settings, arguments, {.cancel = interrupt.token()});
  if (!answer.ok()) return report(answer.error());
  if (arguments.quiet) return ExitStatus::kDone;
  if (arguments.as_json) {
    std::cout << answer->dump(2) << "\n";
  } else {
    print(*answer);
  }
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
