// The terms of the `q` language, with the operators and the kind of value that each takes
// (drive-api reference 3.1).
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/lang/query.h"

namespace driveway::sim {

enum class QueryValue : std::uint8_t { kText, kTime, kFlag, kCount, kVisibility, kMember, kPair };

struct QueryTermTraits {
  QueryTerm term;
  std::string_view name;
  QueryValue value;
  std::uint32_t operators;  // a set of 1 << QueryOperator
  bool in_files;
  bool in_drives;

  bool takes(QueryOperator op) const { return (operators >> static_cast<unsigned>(op) & 1U) != 0; }
};

const QueryTermTraits& traits_of(QueryTerm term);
// Null if the language has no such term.
const QueryTermTraits* find_query_term(std::string_view name, Query::Language language);
// "=", "contains", …
std::string_view to_string(QueryOperator op);

}  // namespace driveway::sim
