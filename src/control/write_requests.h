// The requests that look after what Drive does not have yet: flush, retry, export_unsent.
// dispatcher.h says what they look like. Private to control/.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "control/dispatcher.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Thread-safe. REQUIRES that the Vfs outlives it.
class WriteRequests {
 public:
  // Finds what a REMOTE names.
  using Find = std::function<Result<tree::Node>(const Context&, const nlohmann::json& remote)>;

  WriteRequests(vfs::Vfs& vfs, Clock& clock, Find find)
      : vfs_(vfs), clock_(clock), find_(std::move(find)) {}

  static bool knows(const std::string& op);
  // REQUIRES knows(op).
  Status handle(const Context& context, const std::string& op, const nlohmann::json& request,
                Reply& reply);

 private:
  // The node that the request names; nothing: it names none, or the top.
  Result<std::optional<tree::Node>> target(const Context& context, const nlohmann::json& request);
  Status require_journal() const;
  Status flush(const Context& context, const nlohmann::json& request, Reply& reply);
  Status retry(const Context& context, const nlohmann::json& request, Reply& reply);
  Status export_unsent(const Context& context, const nlohmann::json& request, Reply& reply);

  vfs::Vfs& vfs_;
  Clock& clock_;
  const Find find_;
};

}  // namespace driveway::control
