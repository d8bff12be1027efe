// Lists of scopes that blanks separate (oauth-headless reference 4, 6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driveway::sim {

// Each scope once, in the order of their coming.
std::vector<std::string> scope_list(std::string_view scopes);
std::string join_scopes(const std::vector<std::string>& scopes);

// Google's: openid, email, profile, and names behind https://www.googleapis.com/auth/ (of Drive's
// names only those that exist).
bool is_known_scope(std::string_view scope);
// What the device flow may ask for; not Drive as a whole.
bool is_device_scope(std::string_view scope);

bool has_scope(std::string_view scopes, std::string_view scope);
// Whether all of `some` are in `all`.
bool includes_scopes(std::string_view all, std::string_view some);
// Those of `scopes` that are not in `without`, and those that are in `with`.
std::string scopes_without(std::string_view scopes, std::string_view without);
std::string scopes_within(std::string_view scopes, std::string_view within);

}  // namespace driveway::sim
