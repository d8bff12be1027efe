// One call of the API, as its method sees it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "sim/drive/refused.h"
#include "sim/drive/sim_state.h"
#include "sim/lang/field_mask.h"
#include "sim/lang/parameters.h"

namespace driveway::sim {

// The value, or throws Refused.
template <typename T>
T value_or_refuse(ApiResult<T> result) {
  if (!result.ok()) refuse(result.error());
  return *std::move(result);
}

// What a method answers; DriveSim::serve sends it. `sent`: the method did so itself (media).
struct Reply {
  int status = 200;
  std::string json;  // compact; empty = no body
  bool sent = false;
};

struct Call {
  SimState& state;
  const RequestHead& head;
  const Route& route;
  Viewer viewer;
  BodyReader& body;
  Responder& out;
  bool pretty = true;

  // Query parameters; the first of repeated ones counts (drive-api reference 1.10).
  const std::string* query(std::string_view name) const { return head.query_value(name); }
  std::string text(std::string_view name) const;                  // "" where it is absent
  bool flag(std::string_view name, bool fallback = false) const;  // throws Refused
  // Only the spelling "true" counts for the shared-drive and abuse checks. Throws Refused.
  bool literal_flag(std::string_view name) const;
  bool supports_all_drives() const;  // or its deprecated twin supportsTeamDrives
  int number(std::string_view name, IntBounds bounds) const;  // throws Refused

  // The mask of `fields`, or the resource's default. Throws Refused.
  FieldMask mask(const Resource& type) const;
  std::string origin() const;     // "https://www.googleapis.com", as the client reached us
  std::string read_body() const;  // throws Refused; BodyGone when the client is away
  // A small resource, cut to the mask.
  Reply masked(const nlohmann::json& resource, const FieldMask& mask) const;
};

// The client went away in the middle of its body: nothing can be answered.
struct BodyGone {};

std::string compact_json(const nlohmann::json& value);
// 404 of a shared drive, location driveId.
[[noreturn]] void refuse_drive(std::string_view id);

// A page's place in a list, as an opaque text: what the list was asked for (so that another query
// cannot use it), when it was given, and where to go on.
struct PageToken {
  std::string query;  // all that must not change from page to page
  Ms issued = 0;
  std::string position;
};
std::string encode_page_token(const PageToken& token);
// Throws Refused: 400 (unknown, or of another query), 403 pageTokenExpired.
std::string page_position(const Call& call, std::string_view token, std::string_view query);

}  // namespace driveway::sim
