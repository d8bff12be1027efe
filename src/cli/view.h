// A Drive to ask: through the daemon that has it mounted, or opened here for the length of one
// command.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "cli/remote.h"
#include "cli/settings.h"
#include "control/dispatcher.h"
#include "control/socket.h"

namespace driveway::cli {

class View {
 public:
  virtual ~View() = default;
  // A request of control/dispatcher.h.
  virtual Status ask(const Context& context, const nlohmann::json& request,
                     control::Reply& reply) = 0;
  // Whether a daemon answers, which goes on when the view is closed.
  virtual bool is_mounted() const = 0;
};

// What a view is opened for, where no daemon has the account.
enum class Use {
  kLook,     // nothing is changed, nor sent
  kSend,     // what is not in Drive goes there while the view is open
  kTakeOut,  // to read what is not in Drive, also without Drive, or a login
};

// A view of what `remote` names: the daemon's when one has its account (or the mount it lies in),
// else an own one, which takes the account's cache folder while it lives.
Result<std::unique_ptr<View>> open_view(const Context& context, const Remote& remote,
                                        const std::vector<control::Daemon>& daemons,
                                        const Settings& settings, Clock& clock,
                                        Use use = Use::kLook);

}  // namespace driveway::cli
