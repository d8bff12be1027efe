// Ids as Drive makes them. An id that generateIds gave out carries a check value, so that a made-up
// id in a create is recognised (drive-api reference 5.8) without remembering what was given out.
#pragma once

#include <string>
#include <string_view>

namespace driveway::sim {

enum class IdUse { kFile, kShortcut };

std::string make_item_id(IdUse use = IdUse::kFile);  // 33 characters, begins with "1"
bool is_generated_id(std::string_view id, IdUse use);
std::string make_root_id();        // 19 characters, begins with "0A"; also of shared drives
std::string make_permission_id();  // 20 digits
std::string make_upload_id();      // a secret: it alone opens an upload session

}  // namespace driveway::sim
