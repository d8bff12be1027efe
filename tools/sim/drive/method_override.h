// X-HTTP-Method-Override: a GET whose query is too long for a URL comes as a POST with the query as
// a form in its body. Google's clients do so above 2,048 characters.
#pragma once

#include <optional>

#include "sim/net/service.h"

namespace driveway::sim {

// The request as it is meant; nothing if there is no such header. Without a body the query is what
// stands in the URL: enough to tell the method.
std::optional<RequestHead> method_override(const RequestHead& head);
// Reads the form. Throws BodyGone.
std::optional<RequestHead> method_override(const RequestHead& head, BodyReader& body);

}  // namespace driveway::sim
