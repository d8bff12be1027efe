// Batches (drive-api reference 7): inner calls one after the other, each with its own answer.
#pragma once

#include <functional>

#include "sim/net/service.h"

namespace driveway::sim {

// Serves one inner call as if it had come alone.
using InnerServe =
    std::function<void(const RequestHead& head, BodyReader& body, Responder& responder)>;
// What an inner call is; nothing if it is none of Drive's.
using InnerClassify = std::function<std::optional<CallInfo>(const RequestHead& head)>;

// Reads the whole batch, answers it. Throws Refused (the batch as a whole) and BodyGone.
void serve_batch(const RequestHead& head, BodyReader& body, Responder& responder,
                 const InnerClassify& classify, const InnerServe& serve);

}  // namespace driveway::sim
