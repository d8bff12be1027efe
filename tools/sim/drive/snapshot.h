// The state as a file, DIR/state.ndjson: one JSON object a line, {"format":1,…} first, then
// accounts, shared drives, items (each after its parent is not required), and the logs of changes.
// Contents lie beside it (ContentStore); synthetic ones are a seed and a size.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "sim/drive/content_store.h"
#include "sim/drive/world.h"

namespace driveway::sim {

// The World's mutex is held at least shared.
std::string write_snapshot(const World& world);
// Fills an empty World. The mutex is held alone. Errors: kCorrupt names the line; kNotFound (a
// stored content is missing).
Status read_snapshot(std::string_view text, World& world, ContentStore& contents);

}  // namespace driveway::sim
